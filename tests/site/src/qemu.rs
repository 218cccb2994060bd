//! The controller's image on a Cortex-M4 in QEMU: its link is a pty, its pins are in the test's hand.
//!
//! The pins are lines of text on a second serial port, as `firmware-proto/board-mps2-an386/src/world.rs` tells them. Time
//! on the board is QEMU's, which stands still when the machine is busy; so whoever walks through the barrier does so at
//! the board's pace.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::symlink;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use firmware_proto::board::hd44780::ADDRESS;
use firmware_proto::wiegand::Wire;
use nix::sys::termios::{FlushArg, tcflush};
use tokio::sync::watch;

use crate::pty::open_port;
use crate::turnstile::{Glass, Output, Screen, Switch, Truth, Way, bits};
use crate::world;

/// Where the image is built.
const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../firmware-proto/board-mps2-an386");

/// How long each of the four steps through a barrier takes, in the board's milliseconds: longer than contacts bounce.
const STRIDE_MS: u32 = 15;

/// The board's RAM, as its `memory.x` has it, and what the start of the program paints its stack with.
const RAM_STARTS: usize = 0x2000_0000;
const RAM_BYTES: usize = 40 * 1024;
const PAINT: [u8; 4] = [0xCC; 4];

/// The outputs as the board names them.
const OUTPUTS: [(&str, Output); 6] = [
    ("relay_in", Output::RelayIn),
    ("relay_out", Output::RelayOut),
    ("lock", Output::Lock),
    ("green", Output::Green),
    ("red", Output::Red),
    ("buzzer", Output::Buzzer),
];

/// A board in QEMU. Dropping it switches it off.
#[derive(Debug)]
pub struct Image {
    qemu: Child,
    path: PathBuf,
    // Held so that the line outlives the agent, as the cable of a real board does.
    port: File,
    world: UnixStream,
    monitor: PathBuf,
    truth: Arc<watch::Sender<Truth>>,
}

/// Builds the image; answers what it takes of flash and RAM.
pub fn build() -> Result<String> {
    let built = Command::new(Path::new(SOURCE).join("build")).output().context("running the image's build")?;
    ensure!(built.status.success(), "building the image: {}", String::from_utf8_lossy(&built.stderr));
    Ok(String::from_utf8(built.stdout)?.trim().to_owned())
}

impl Image {
    /// Builds the image and switches it on; its link is reached through a symlink `name` in `folder`.
    pub fn switched_on(folder: &Path, name: &str) -> Result<Self> {
        build()?;
        let socket = folder.join(format!("{name}.world"));
        let listener = UnixListener::bind(&socket).with_context(|| format!("listening on {}", socket.display()))?;
        let monitor = folder.join(format!("{name}.monitor"));
        let mut qemu = Command::new("qemu-system-arm")
            .args(["-M", "mps2-an386", "-display", "none", "-serial", "pty", "-serial"])
            .arg(format!("unix:{}", socket.display()))
            .arg("-monitor")
            .arg(format!("unix:{},server=on,wait=off", monitor.display()))
            .arg("-kernel")
            .arg(Path::new(SOURCE).join("target/thumbv7em-none-eabi/release/board-mps2-an386"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting qemu-system-arm, which tests/run installs")?;
        let said = BufReader::new(qemu.stdout.take().expect("its standard output is a pipe")).lines().next();
        let Some(Ok(said)) = said else { bail!("QEMU ended: {}", qemu.wait()?) };
        let device = said.split(' ').find(|word| word.starts_with("/dev/pts/"));
        let device = device.with_context(|| format!("QEMU says {said:?} and names no pty"))?;
        let path = folder.join(name);
        symlink(device, &path).with_context(|| format!("linking {}", path.display()))?;
        let (world, _) = listener.accept().context("waiting for QEMU's second port")?;
        let truth = Arc::new(watch::Sender::new(Truth::default()));
        let (lines, watched) = (BufReader::new(world.try_clone()?), Arc::clone(&truth));
        std::thread::spawn(move || watch_world(lines, &watched));
        Ok(Self { qemu, port: open_port(&path)?, path, world, monitor, truth })
    }

    /// The stable path to put into the agent's configuration.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The process of QEMU.
    pub fn id(&self) -> u32 {
        self.qemu.id()
    }

    /// Does what the kernel does to a real port at its last close; see [`crate::pty::SerialLine::forget_session`].
    pub fn forget_session(&self) -> Result<()> {
        tcflush(&self.port, FlushArg::TCIOFLUSH)?;
        rustix::termios::ioctl_tiocnxcl(&self.port)?;
        Ok(())
    }

    /// Somebody holds a badge to the reader on this input, 0 or 1. All its pulses come at once: QEMU's time would
    /// otherwise tear them apart on a busy machine.
    pub fn present(&self, reader: usize, badge: &str) -> Result<()> {
        let bits: String = bits(badge)?.into_iter().map(|wire| if wire == Wire::D1 { '1' } else { '0' }).collect();
        self.say(&format!("reader{reader} {bits}\n"))
    }

    /// Somebody goes through, whether they may or not.
    pub fn walk(&self, way: Way) -> Result<()> {
        let (first, second) = if way == Way::In { ("a", "b") } else { ("b", "a") };
        let wait = format!("wait {STRIDE_MS}\n");
        self.say(&format!("{first} 1\n{wait}{second} 1\n{wait}{first} 0\n{wait}{second} 0\n{wait}"))
    }

    /// Somebody presses the emergency button, or pulls it out again.
    pub fn press_emergency(&self, is_pressed: bool) -> Result<()> {
        self.say(&format!("emergency {}\n", u8::from(is_pressed)))
    }

    /// The board's loop stands still.
    pub fn hang(&self) -> Result<()> {
        self.say("hang\n")
    }

    /// How much of the stack has been used since the last reset, in bytes: the start of the program paints it.
    pub fn stack_bytes(&self) -> Result<usize> {
        let dump = self.monitor.with_extension("ram");
        let mut monitor = BufReader::new(UnixStream::connect(&self.monitor).context("connecting to QEMU's monitor")?);
        let order = format!("pmemsave {RAM_STARTS:#x} {RAM_BYTES} \"{}\"\n", dump.display());
        monitor.get_mut().write_all(order.as_bytes())?;
        // It answers nothing, and asks for the next order when it is done.
        for _ in 0..2 {
            monitor.skip_until(b')')?;
        }
        let ram = fs::read(&dump).with_context(|| format!("reading {}", dump.display()))?;
        // The longest painted run was never used; holes in what was stay painted as well.
        let (mut run, mut longest, mut ends) = (0, 0, 0);
        for (place, word) in ram.chunks_exact(PAINT.len()).enumerate() {
            run = if word == PAINT { run + 1 } else { 0 };
            if run > longest {
                (longest, ends) = (run, place + 1);
            }
        }
        ensure!(longest > 0, "no word of the stack is painted");
        Ok(RAM_BYTES - ends * PAINT.len())
    }

    /// Looks at the book without copying it: switches, screens and boots. Of people and badges it knows nothing.
    pub fn look<T>(&self, question: impl FnOnce(&Truth) -> T) -> T {
        question(&self.truth.borrow())
    }

    /// Waits until something holds of the book.
    pub async fn wait_until(&self, wanted: impl FnMut(&Truth) -> bool, within: Duration) -> Result<()> {
        world::wait_for(self.truth.subscribe(), wanted, within, |truth| format!("the board did {truth:?}")).await
    }

    fn say(&self, lines: &str) -> Result<()> {
        (&self.world).write_all(lines.as_bytes()).context("speaking to QEMU")
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        // It may have ended already, and then there is nothing to end.
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
        let _ = fs::remove_file(&self.path);
    }
}

fn watch_world(lines: BufReader<UnixStream>, truth: &watch::Sender<Truth>) {
    let mut glass = Glass::new();
    for line in lines.lines().map_while(Result::ok) {
        let at = Instant::now();
        truth.send_if_modified(|truth| note(&line, at, truth, &mut glass));
    }
}

/// Writes down a line of the board; says whether it changed anything that is seen.
fn note(line: &str, at: Instant, truth: &mut Truth, glass: &mut Glass) -> bool {
    if let Some(written) = line.strip_prefix(&format!("i2c {ADDRESS:02x} ")) {
        let bytes = written.as_bytes().chunks_exact(2).filter_map(|pair| str::from_utf8(pair).ok());
        bytes.filter_map(|pair| u8::from_str_radix(pair, 16).ok()).for_each(|pins| glass.pins(pins));
        let lines = glass.lines();
        let is_new = truth.shows() != [lines[0].as_str(), lines[1].as_str()];
        truth.screens.extend(is_new.then_some(Screen { lines, at }));
        return is_new;
    }
    if line == "started" {
        truth.boots += 1;
        // Its pins are inputs again, and what hung on them is off. The display keeps its power.
        let on: Vec<Output> = Output::ALL.into_iter().filter(|output| truth.is_on(*output)).collect();
        truth.switches.extend(on.into_iter().map(|output| Switch { output, on: false, at }));
        return true;
    }
    let output = |named: &str| OUTPUTS.into_iter().find(|(name, _)| *name == named).map(|(_, output)| output);
    let Some((Some(output), level)) = line.split_once(' ').map(|(name, level)| (output(name), level)) else {
        return false;
    };
    truth.switches.push(Switch { output, on: level == "1", at });
    true
}
