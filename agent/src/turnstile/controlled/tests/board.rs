//! A gate controller with its real firmware on a cable that can be pulled, and people who hold cards to it and walk.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use firmware_proto::gate::{Contacts, Controller};
use firmware_proto::link::gate_end::Identity;
use firmware_proto::uptime::Uptime;
use firmware_proto::wiegand::Wire;
use rustix::fs::{Mode, OFlags};
use rustix::pty::OpenptFlags;
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use tempfile::TempDir;

use crate::clock::Clock;
use crate::domain::Way;

/// 123 / 4567 and 1 / 1 in 26 bits, as published; and what the agent reads in them.
pub(super) const ANNA: u64 = 0x2F6_23AE;
pub(super) const ANNAS_CARD: &str = "7B11D7";
pub(super) const BRUNO: u64 = 0x202_0002;
pub(super) const BRUNOS_CARD: &str = "010001";
/// Nobody's.
pub(super) const STRANGER: u64 = 0x9A_1252;

/// A turn of the firmware's loop.
const TURN: Duration = Duration::from_millis(2);
/// Between two contacts of somebody who walks through: longer than a contact bounces.
const STRIDE_MS: u64 = 12;
/// Events that the controller remembers: few, so that stories can fill it.
const RING: usize = 40;
const LIST: usize = 64;

type Firmware = Controller<RING, LIST>;

enum Act {
    Card(usize, u64),
    Walk(Way),
    Tamper(bool),
    Emergency(bool),
    Lean(bool),
    Mute(bool),
    Pull,
    PlugIn,
    Reset(Contacts),
}

/// What can be seen of the gate from outside.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// How often each relay was switched on: inwards, outwards.
    pub(super) pulses: [u32; 2],
    /// The lock is off: the gate turns.
    pub(super) is_free: bool,
    /// Every text that stood on the display, in order.
    pub(super) lines: Vec<[String; 2]>,
    pub(super) green: bool,
    pub(super) red: bool,
    /// For how long no byte has come.
    pub(super) unheard_ms: u64,
}

pub(super) struct Board {
    acts: SyncSender<Act>,
    seen: Arc<Mutex<Seen>>,
    path: PathBuf,
    running: Option<JoinHandle<()>>,
    _by_id: TempDir,
}

impl Board {
    /// A board that is plugged in and has power.
    pub(super) fn new() -> Self {
        let by_id = tempfile::tempdir().unwrap();
        let path = by_id.path().join("usb-gate-port0");
        let (acts, to_do) = sync_channel(64);
        let seen = Arc::new(Mutex::new(Seen::default()));
        let mut turned = Turning::new(path.clone(), seen.clone());
        let running = std::thread::spawn(move || {
            loop {
                match to_do.recv_timeout(TURN) {
                    Ok(act) => turned.act(&act),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return,
                }
                turned.turn();
            }
        });
        let board = Self { acts, seen, path, running: Some(running), _by_id: by_id };
        board.plug_in();
        board
    }

    pub(super) fn port(&self) -> String {
        self.path.to_str().unwrap().to_owned()
    }

    pub(super) fn seen(&self) -> Seen {
        self.seen.lock().unwrap().clone()
    }

    pub(super) fn card(&self, reader: usize, bits: u64) {
        self.act(Act::Card(reader, bits));
    }

    pub(super) fn walk(&self, way: Way) {
        self.act(Act::Walk(way));
    }

    pub(super) fn tamper(&self, on: bool) {
        self.act(Act::Tamper(on));
    }

    pub(super) fn emergency(&self, on: bool) {
        self.act(Act::Emergency(on));
    }

    /// Somebody stands in the barrier.
    pub(super) fn lean(&self, on: bool) {
        self.act(Act::Lean(on));
    }

    /// The controller hears nothing and says nothing.
    pub(super) fn mute(&self, on: bool) {
        self.act(Act::Mute(on));
    }

    pub(super) fn pull(&self) {
        self.act(Act::Pull);
    }

    pub(super) fn plug_in(&self) {
        self.act(Act::PlugIn);
    }

    pub(super) fn reset(&self) {
        self.reset_with(Contacts::default());
    }

    /// Loses its power; when it comes back, its contacts are as given.
    pub(super) fn reset_with(&self, contacts: Contacts) {
        self.act(Act::Reset(contacts));
    }

    fn act(&self, act: Act) {
        self.acts.send(act).unwrap();
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        let (nobody, _) = sync_channel(0);
        self.acts = nobody;
        let ended = self.running.take().unwrap().join();
        assert!(ended.is_ok() || std::thread::panicking(), "the firmware does not panic");
    }
}

struct Turning {
    clock: Clock,
    /// The clock of a controller begins with its power.
    since_ms: u64,
    firmware: Firmware,
    resets: u32,
    contacts: Contacts,
    /// What contacts somebody who walks has yet to touch, and when the next one.
    steps: VecDeque<(bool, bool)>,
    step_at: u64,
    cable: Option<(OwnedFd, OwnedFd)>,
    is_mute: bool,
    heard_at: u64,
    relays: [bool; 2],
    path: PathBuf,
    seen: Arc<Mutex<Seen>>,
}

impl Turning {
    fn new(path: PathBuf, seen: Arc<Mutex<Seen>>) -> Self {
        Self {
            clock: Clock::system(),
            since_ms: 0,
            firmware: firmware(0),
            resets: 0,
            contacts: Contacts::default(),
            steps: VecDeque::new(),
            step_at: 0,
            cable: None,
            is_mute: false,
            heard_at: 0,
            relays: [false; 2],
            path,
            seen,
        }
    }

    fn ms(&self) -> u64 {
        u64::try_from(self.clock.now().uptime.0.as_millis()).unwrap() - self.since_ms
    }

    fn act(&mut self, act: &Act) {
        let now = self.ms();
        match *act {
            Act::Card(reader, bits) => {
                for place in (0..26).rev() {
                    let wire = if bits >> place & 1 == 1 { Wire::D1 } else { Wire::D0 };
                    self.firmware.pulse(reader, wire, Uptime(now));
                }
            }
            Act::Walk(way) => {
                let steps = match way {
                    Way::In | Way::Inner => [(true, false), (true, true), (false, true), (false, false)],
                    Way::Out => [(false, true), (true, true), (true, false), (false, false)],
                };
                self.steps.extend(steps);
            }
            Act::Tamper(on) => self.contacts.tamper = on,
            Act::Emergency(on) => self.contacts.emergency = on,
            Act::Lean(on) => self.contacts.a = on,
            Act::Mute(on) => self.is_mute = on,
            Act::Pull => {
                self.cable = None;
                std::fs::remove_file(&self.path).unwrap();
            }
            Act::PlugIn => self.cable = Some(cable(&self.path)),
            Act::Reset(contacts) => {
                self.contacts = contacts;
                self.since_ms += now;
                self.step_at = 0;
                self.resets += 1;
                self.firmware = firmware(self.resets);
            }
        }
    }

    fn turn(&mut self) {
        let now = Uptime(self.ms());
        // Nobody walks faster than this thread is woken: each contact is seen to have held before the next one.
        self.firmware.contacts(self.contacts, now);
        if self.step_at <= now.0
            && let Some((a, b)) = self.steps.pop_front()
        {
            (self.contacts.a, self.contacts.b) = (a, b);
            self.step_at = now.0 + STRIDE_MS;
        }
        let mut bytes = [0; 512];
        if let Some((device, _)) = &self.cable {
            while let Ok(count @ 1..) = rustix::io::read(device, &mut bytes) {
                self.heard_at = now.0;
                let heard = if self.is_mute { &[] } else { &bytes[..count] };
                heard.iter().for_each(|byte| self.firmware.byte(*byte, now));
            }
        }
        self.firmware.contacts(self.contacts, now);
        self.firmware.tick(now);
        while let Some(wire) = self.firmware.transmit(now) {
            if let Some((device, _)) = self.cable.as_ref().filter(|_| !self.is_mute) {
                // A line that nobody reads from loses what it is sent.
                let _lost = rustix::io::write(device, &wire);
            }
        }
        self.look(now);
    }

    fn look(&mut self, now: Uptime) {
        let outputs = self.firmware.outputs(now);
        let mut seen = self.seen.lock().unwrap();
        for (place, is_on) in [outputs.relay_in, outputs.relay_out].into_iter().enumerate() {
            seen.pulses[place] += u32::from(is_on && !self.relays[place]);
            self.relays[place] = is_on;
        }
        seen.is_free = !outputs.lock;
        seen.unheard_ms = now.0.saturating_sub(self.heard_at);
        (seen.green, seen.red) = (outputs.lights.green, outputs.lights.red);
        let lines = outputs.lines.clone().map(|line| line.as_str().to_owned());
        if seen.lines.last() != Some(&lines) {
            seen.lines.push(lines);
        }
    }
}

fn firmware(seed: u32) -> Firmware {
    Controller::new(Identity { firmware: [0, 1, 0], capabilities: 7, seed: 17 + seed })
}

/// A pseudo-terminal behind a symbolic link, as udev makes one. The line's end is held open, because one that nobody
/// has open reports an error to the other side.
fn cable(path: &PathBuf) -> (OwnedFd, OwnedFd) {
    let device = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    rustix::pty::grantpt(&device).unwrap();
    rustix::pty::unlockpt(&device).unwrap();
    rustix::fs::fcntl_setfl(&device, OFlags::NONBLOCK).unwrap();
    let line_path = rustix::pty::ptsname(&device, Vec::new()).unwrap().into_string().unwrap();
    let line = rustix::fs::open(&line_path, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).unwrap();
    let mut settings = tcgetattr(&line).unwrap();
    settings.make_raw();
    tcsetattr(&line, OptionalActions::Now, &settings).unwrap();
    std::os::unix::fs::symlink(&line_path, path).unwrap();
    (device, line)
}
