//! A TCP proxy on loopback that cuts, stalls and refuses, so that a test can break the network at a chosen moment.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::port::Port;
use crate::world::{self, Task};

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the agent to the upstream.
    Up,
    /// From the upstream to the agent.
    Down,
}

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// At once, with RST: what was under way is lost and the peer sees "connection reset".
    Reset,
    /// With FIN: the peer sees the end of the stream. The kernel adds an RST if the peer still sends.
    Close,
}

/// A proxy in front of one upstream port.
#[derive(Debug)]
pub struct Proxy {
    port: Port,
    target: SocketAddr,
    accepting: Mutex<Option<Task>>,
    line: Arc<Line>,
}

/// What all connections of one proxy share.
#[derive(Debug)]
struct Line {
    orders: watch::Sender<Orders>,
    bytes: [AtomicU64; 2],
    // Bytes that may still pass before a cut; MAX means no cut is planned.
    budget: [AtomicU64; 2],
    opened: AtomicUsize,
    open: AtomicUsize,
}

#[derive(Debug, Clone, Copy)]
struct Orders {
    stalled: bool,
    cuts: u64,
    how: Cut,
}

impl Proxy {
    /// Starts forwarding to `target` from a free port.
    pub fn to(target: SocketAddr) -> Result<Self> {
        let proxy = Self {
            port: Port::reserve().context("reserving a port for a proxy")?,
            target,
            accepting: Mutex::new(None),
            line: Arc::new(Line {
                orders: watch::Sender::new(Orders { stalled: false, cuts: 0, how: Cut::Reset }),
                bytes: Default::default(),
                budget: [AtomicU64::new(u64::MAX), AtomicU64::new(u64::MAX)],
                opened: AtomicUsize::new(0),
                open: AtomicUsize::new(0),
            }),
        };
        proxy.accept()?;
        Ok(proxy)
    }

    /// Where the agent connects to.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Ends every connection there is; new ones are accepted.
    pub fn cut(&self, how: Cut) {
        self.line.cut(how);
    }

    /// Stops forwarding in both directions while the connections stay; new ones connect and hang too.
    pub fn stall(&self) {
        self.line.orders.send_modify(|orders| orders.stalled = true);
    }

    /// Forwards again what waited.
    pub fn resume(&self) {
        self.line.orders.send_modify(|orders| orders.stalled = false);
    }

    /// Refuses new connections; those there are stay.
    pub async fn refuse(&self) {
        let accepting = self.accepting().take();
        if let Some(task) = accepting {
            task.end().await;
        }
    }

    /// Accepts connections again after [`Proxy::refuse`].
    pub fn accept(&self) -> Result<()> {
        let mut accepting = self.accepting();
        if accepting.is_none() {
            let listener = self.port.listen().context("listening as a proxy")?;
            *accepting = Some(Task::start(serve(listener, self.target, Arc::clone(&self.line))));
        }
        Ok(())
    }

    /// Lets `bytes` more pass in one direction, over all connections, and then resets every connection, once.
    pub fn cut_after(&self, direction: Direction, bytes: u64) {
        self.line.budget[direction as usize].store(bytes, Ordering::SeqCst);
    }

    /// Bytes forwarded, or about to be, in one direction.
    pub fn bytes(&self, direction: Direction) -> u64 {
        self.line.bytes[direction as usize].load(Ordering::SeqCst)
    }

    /// Connections accepted so far.
    pub fn opened(&self) -> usize {
        self.line.opened.load(Ordering::SeqCst)
    }

    /// Connections that are open now.
    pub fn open(&self) -> usize {
        self.line.open.load(Ordering::SeqCst)
    }

    fn accepting(&self) -> std::sync::MutexGuard<'_, Option<Task>> {
        self.accepting.lock().expect("nothing panics while it holds the listener")
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Connections are tasks of their own; without this they would outlive the test that broke them.
        self.cut(Cut::Reset);
    }
}

impl Line {
    fn cut(&self, how: Cut) {
        self.orders.send_modify(|orders| {
            orders.cuts += 1;
            orders.how = how;
        });
    }

    /// How many of `wanted` bytes may pass, and whether the planned cut is due after them.
    fn allowance(&self, direction: Direction, wanted: usize) -> (usize, bool) {
        let budget = &self.budget[direction as usize];
        let before = budget.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| match left {
            u64::MAX => None,
            left if left <= wanted as u64 => Some(u64::MAX),
            left => Some(left - wanted as u64),
        });
        match before {
            Ok(left) if left <= wanted as u64 => (left as usize, true),
            _ => (wanted, false),
        }
    }
}

async fn serve(listener: TcpListener, target: SocketAddr, line: Arc<Line>) {
    loop {
        let Ok((near, _)) = listener.accept().await else { continue };
        line.opened.fetch_add(1, Ordering::SeqCst);
        let line = Arc::clone(&line);
        world::spawn(async move {
            line.open.fetch_add(1, Ordering::SeqCst);
            carry(near, target, &line).await;
            line.open.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

async fn carry(near: TcpStream, target: SocketAddr, line: &Line) {
    let mut orders = line.orders.subscribe();
    let cuts_before = orders.borrow_and_update().cuts;
    // An upstream that refuses is passed on as a reset: a proxy cannot take back that it accepted.
    let Ok(far) = TcpStream::connect(target).await else {
        let _ = near.set_zero_linger();
        return;
    };
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let (near_read, near_write) = near.into_split();
    let (far_read, far_write) = far.into_split();
    let mut up = Pump { from: near_read, to: far_write, direction: Direction::Up };
    let mut down = Pump { from: far_read, to: near_write, direction: Direction::Down };
    let cut = async {
        let cut = orders.wait_for(|orders| orders.cuts > cuts_before).await;
        cut.map_or(Cut::Reset, |orders| orders.how)
    };
    let how = tokio::select! {
        how = cut => how,
        _ = async { tokio::join!(up.run(line), down.run(line)) } => Cut::Close,
    };
    if how == Cut::Reset {
        for stream in [up.from.as_ref(), down.from.as_ref()] {
            let _ = stream.set_zero_linger();
        }
        // A write half says FIN when it is dropped, and then there is nothing left to reset.
        up.to.forget();
        down.to.forget();
    } else {
        let _ = tokio::join!(up.to.shutdown(), down.to.shutdown());
    }
}

struct Pump {
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    direction: Direction,
}

impl Pump {
    /// Forwards until the stream ends; then passes that end on.
    async fn run(&mut self, line: &Line) {
        let mut orders = line.orders.subscribe();
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = self.from.read(&mut buffer).await {
            if orders.wait_for(|orders| !orders.stalled).await.is_err() {
                return;
            }
            let (allowed, cut) = line.allowance(self.direction, read);
            // Counted first: who has received a byte must find it counted.
            line.bytes[self.direction as usize].fetch_add(allowed as u64, Ordering::SeqCst);
            if self.to.write_all(&buffer[..allowed]).await.is_err() {
                return;
            }
            if cut {
                line.cut(Cut::Reset);
                // The connection ends at its next look at the orders; nothing may pass before that.
                std::future::pending::<()>().await;
            }
        }
        let _ = self.to.shutdown().await;
    }
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read, Write};
    use std::net::{Shutdown, TcpListener, TcpStream};
    use std::time::Duration;

    use super::*;

    /// An upstream that sends everything back.
    fn echo() -> Result<SocketAddr> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                std::thread::spawn(move || std::io::copy(&mut &stream, &mut &stream));
            }
        });
        Ok(address)
    }

    fn through(proxy: &Proxy) -> Result<TcpStream> {
        let stream = TcpStream::connect(proxy.address())?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        Ok(stream)
    }

    fn ping(stream: &mut TcpStream, text: &[u8]) -> std::io::Result<()> {
        stream.write_all(text)?;
        let mut back = vec![0; text.len()];
        stream.read_exact(&mut back)?;
        assert_eq!(back, text);
        Ok(())
    }

    #[test]
    fn bytes_pass_are_counted_and_the_end_is_passed_on() -> Result<()> {
        let proxy = Proxy::to(echo()?)?;
        let mut stream = through(&proxy)?;
        ping(&mut stream, b"hello")?;
        assert_eq!((proxy.bytes(Direction::Up), proxy.bytes(Direction::Down)), (5, 5));
        assert_eq!((proxy.opened(), proxy.open()), (1, 1));
        stream.shutdown(Shutdown::Write)?;
        assert_eq!(stream.read(&mut [0; 1])?, 0);
        Ok(())
    }

    #[test]
    fn a_reset_is_a_reset_a_close_is_an_end_and_new_connections_work() -> Result<()> {
        let proxy = Proxy::to(echo()?)?;
        let mut stream = through(&proxy)?;
        ping(&mut stream, b"a")?;
        proxy.cut(Cut::Reset);
        let reset = stream.read(&mut [0; 1]).expect_err("a reset is an error");
        assert_eq!(reset.kind(), ErrorKind::ConnectionReset);

        let mut stream = through(&proxy)?;
        ping(&mut stream, b"b")?;
        proxy.cut(Cut::Close);
        assert_eq!(stream.read(&mut [0; 1])?, 0);
        ping(&mut through(&proxy)?, b"c")?;
        Ok(())
    }

    #[test]
    fn a_stalled_line_is_silent_and_loses_nothing() -> Result<()> {
        let proxy = Proxy::to(echo()?)?;
        let mut stream = through(&proxy)?;
        ping(&mut stream, b"a")?;
        proxy.stall();
        stream.write_all(b"later")?;
        stream.set_read_timeout(Some(Duration::from_millis(100)))?;
        let silent = stream.read(&mut [0; 1]).expect_err("nothing passes");
        assert!(matches!(silent.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut));
        assert_eq!(proxy.bytes(Direction::Up), 1);

        proxy.resume();
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let mut back = [0; 5];
        stream.read_exact(&mut back)?;
        assert_eq!(&back, b"later");
        Ok(())
    }

    #[tokio::test]
    async fn refusing_leaves_old_connections_and_accepting_lets_new_ones_in() -> Result<()> {
        let proxy = Proxy::to(echo()?)?;
        let mut old = through(&proxy)?;
        ping(&mut old, b"a")?;
        proxy.refuse().await;
        assert!(TcpStream::connect(proxy.address()).is_err());
        ping(&mut old, b"b")?;
        proxy.accept()?;
        ping(&mut through(&proxy)?, b"c")?;
        Ok(())
    }

    #[test]
    fn a_planned_cut_lets_exactly_so_many_bytes_pass() -> Result<()> {
        let proxy = Proxy::to(echo()?)?;
        let mut stream = through(&proxy)?;
        proxy.cut_after(Direction::Down, 7);
        stream.write_all(b"0123456789")?;
        assert!(stream.read_to_end(&mut Vec::new()).is_err());
        assert_eq!(proxy.bytes(Direction::Down), 7);
        ping(&mut through(&proxy)?, b"the cut happens once")?;
        Ok(())
    }
}
