//! Debian's Mosquitto as a child process on a port of its own, to be killed and started again in the middle of a run.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::Mutex;
use tokio::time::{interval, timeout};

use super::Certificates;
use crate::port::Port;
use crate::world;

/// How long a broker may take to listen, or to end after SIGTERM, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often a starting broker is asked whether it listens.
const KNOCK_EVERY: Duration = Duration::from_millis(10);

/// An MQTT 3.1.1 CONNECT with no name, no session and a keep-alive of five seconds.
const CONNECT: &[u8] = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x05\x00\x00";

/// What the broker writes to its disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Memory {
    /// Nothing: a stop and a kill both forget sessions, queued and retained messages.
    None,
    /// A snapshot at an orderly stop, Debian's default: a kill forgets what came since the start.
    #[default]
    AtStop,
    /// A snapshot after every change: see [`Mosquitto::saved`] for what a kill forgets. About 100 messages a second.
    EveryChange,
}

/// A name and a password the broker asks for.
#[derive(Debug, Clone)]
pub struct User {
    /// The name.
    pub name: String,
    /// The password.
    pub password: String,
}

/// How the broker is set up.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What survives a kill.
    pub memory: Memory,
    /// Who may connect; empty admits anybody.
    pub users: Vec<User>,
    /// TLS on the agent's port, with a client certificate demanded; the central system's port stays plain.
    pub certificates: Option<Certificates>,
    /// Further lines of its configuration: a bridge, a limit.
    pub lines: Vec<String>,
}

/// A broker with its own folder and two ports: one for the agent and one for the central system.
#[derive(Debug)]
pub struct Mosquitto {
    port: Port,
    central_port: Port,
    options: Options,
    folder: TempDir,
    child: Mutex<Option<Child>>,
}

impl Mosquitto {
    /// Starts a broker and waits until it accepts connections.
    pub async fn start(options: Options) -> Result<Self> {
        let broker = Self {
            port: Port::reserve()?,
            central_port: Port::reserve()?,
            options,
            folder: tempfile::tempdir()?,
            child: Mutex::new(None),
        };
        broker.write_settings().await?;
        broker.start_again().await?;
        Ok(broker)
    }

    /// The agent's port.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// The central system's port: always plain, so that a test can watch a broker whose agents must use TLS.
    pub fn central_address(&self) -> SocketAddr {
        self.central_port.address()
    }

    /// For `mqtt.url`.
    pub fn url(&self) -> String {
        let scheme = if self.options.certificates.is_some() { "mqtts" } else { "mqtt" };
        format!("{scheme}://{}", self.address())
    }

    /// What the broker logged, for the message of a failed test.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// With [`Memory::EveryChange`]: returns once everything acknowledged before the call is in the snapshot.
    ///
    /// The broker saves at the end of each turn of its one loop, after the PUBACKs of that turn; a new connection is
    /// answered in a later turn.
    pub async fn saved(&self) -> Result<()> {
        let knock = async {
            let mut stream = TcpStream::connect(self.central_address()).await?;
            stream.write_all(CONNECT).await?;
            stream.read_exact(&mut [0; 4]).await
        };
        timeout(PATIENCE, knock).await.context("waiting for the broker's next turn")??;
        Ok(())
    }

    /// Kills the process without a chance to write anything, and waits until it is gone.
    pub async fn kill9(&self) -> Result<()> {
        self.end(Signal::SIGKILL).await
    }

    /// Stops the broker in an orderly way, which writes its snapshot.
    pub async fn stop(&self) -> Result<()> {
        self.end(Signal::SIGTERM).await
    }

    /// Starts it on the same ports and folder after [`Mosquitto::kill9`] or [`Mosquitto::stop`].
    pub async fn start_again(&self) -> Result<()> {
        let mut child = self.child.lock().await;
        ensure!(child.is_none(), "the broker on {} runs already", self.address());
        let log = File::options().create(true).append(true).open(self.folder.path().join("log"))?;
        let mut command = Command::new(program("mosquitto"));
        command.arg("-c").arg(self.folder.path().join("mosquitto.conf"));
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).kill_on_drop(true);
        let mut started = {
            let _world = world::handle().enter();
            command.spawn().context("starting mosquitto (Debian package mosquitto)")?
        };
        for address in [self.address(), self.central_address()] {
            self.wait_until_listening(&mut started, address).await?;
        }
        *child = Some(started);
        Ok(())
    }

    async fn wait_until_listening(&self, child: &mut Child, address: SocketAddr) -> Result<()> {
        let mut knocks = interval(KNOCK_EVERY);
        let listening = async {
            while TcpStream::connect(address).await.is_err() {
                knocks.tick().await;
            }
        };
        tokio::select! {
            listening = timeout(PATIENCE, listening) => {
                listening.with_context(|| format!("mosquitto does not listen on {address}: {}", self.log()))
            }
            ended = child.wait() => bail!("mosquitto ended with {ended:?}: {}", self.log()),
        }
    }

    async fn end(&self, signal: Signal) -> Result<()> {
        let mut child = self.child.lock().await;
        let Some(mut running) = child.take() else {
            bail!("the broker on {} does not run", self.address());
        };
        let id = running.id().context("mosquitto ended by itself")?;
        kill(Pid::from_raw(id.cast_signed()), signal).context("signalling mosquitto")?;
        timeout(PATIENCE, running.wait()).await.context("waiting for mosquitto to end")??;
        Ok(())
    }

    async fn write_settings(&self) -> Result<()> {
        let mut text = settings(&self.options, self.folder.path());
        // Before the listeners: what stands behind one may belong to it.
        for line in &self.options.lines {
            writeln!(text, "{line}")?;
        }
        writeln!(text, "listener {} 127.0.0.1", self.central_port.number())?;
        writeln!(text, "listener {} 127.0.0.1", self.port.number())?;
        if let Some(certificates) = &self.options.certificates {
            writeln!(text, "cafile {}", certificates.authority().display())?;
            writeln!(text, "certfile {}", certificates.broker().display())?;
            writeln!(text, "keyfile {}", certificates.broker_key().display())?;
            writeln!(text, "require_certificate true")?;
        }
        fs::write(self.folder.path().join("mosquitto.conf"), text)?;
        let passwords = self.folder.path().join("passwords");
        fs::write(&passwords, "")?;
        for user in &self.options.users {
            let mut command = Command::new(program("mosquitto_passwd"));
            let output = command.arg("-b").arg(&passwords).args([&user.name, &user.password]).output().await;
            let output = output.context("running mosquitto_passwd")?;
            ensure!(output.status.success(), "mosquitto_passwd: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }
}

fn settings(options: &Options, folder: &Path) -> String {
    let folder = folder.display();
    let access = match options.users.as_slice() {
        [] => "allow_anonymous true\n".to_owned(),
        _ => format!("allow_anonymous false\npassword_file {folder}/passwords\n"),
    };
    let memory = match options.memory {
        Memory::None => "persistence false\n".to_owned(),
        Memory::AtStop => format!("persistence true\npersistence_location {folder}/\n"),
        Memory::EveryChange => {
            format!("persistence true\npersistence_location {folder}/\nautosave_on_changes true\nautosave_interval 1\n")
        }
    };
    // `user root`: as root, mosquitto would give up its rights and with them the folder of this test.
    // No queue limit: a broker that drops queued messages would look like an agent that lost them.
    format!("user root\nlog_type all\nmax_queued_messages 0\nset_tcp_nodelay true\n{access}{memory}")
}

/// Debian puts daemons where the search path of ordinary users does not look.
fn program(name: &str) -> PathBuf {
    let daemon = Path::new("/usr/sbin").join(name);
    if daemon.exists() { daemon } else { PathBuf::from(name) }
}
