//! A real Mosquitto as a child process, which can be killed and started again on the same port.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::net::TcpStream;

/// How often to look whether the broker listens, and how many times.
const LOOK: (Duration, u32) = (Duration::from_millis(20), 500);

/// A Mosquitto that keeps nothing across its own death.
pub(crate) struct Broker {
    pub(crate) port: u16,
    config: PathBuf,
    child: Child,
}

impl Broker {
    /// Starts on a free port; `extra` lines go into its configuration, files of it live in `folder`.
    pub(crate) async fn start(folder: &Path, extra: &str) -> Self {
        let port = free_port();
        let config = folder.join("mosquitto.conf");
        let (user, listener) = ("user root", format!("listener {port} 127.0.0.1"));
        let limits = "max_queued_messages 0\nmax_inflight_messages 0\npersistence false";
        std::fs::write(&config, format!("{user}\n{listener}\n{limits}\n{extra}\n")).unwrap();
        let child = spawn(&config);
        let mut broker = Self { port, config, child };
        broker.listens().await;
        broker
    }

    /// Kill -9: nothing is flushed, no goodbye is said.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts again on the same port, with nothing remembered.
    pub(crate) async fn start_again(&mut self) {
        self.child = spawn(&self.config);
        self.listens().await;
    }

    async fn listens(&mut self) {
        for _ in 0..LOOK.1 {
            if TcpStream::connect(("127.0.0.1", self.port)).await.is_ok() {
                return;
            }
            assert!(self.child.try_wait().unwrap().is_none(), "mosquitto ended at its start");
            tokio::time::sleep(LOOK.0).await;
        }
        panic!("mosquitto does not listen on port {}", self.port);
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _already_dead = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn spawn(config: &Path) -> Child {
    let mut mosquitto = Command::new("/usr/sbin/mosquitto");
    mosquitto.arg("-c").arg(config).stdout(Stdio::null()).stderr(Stdio::null());
    mosquitto.spawn().expect("mosquitto is installed (tests/run does it)")
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
