//! A loopback port that stays ours while nobody listens on it, so that "refused" can be told from "taken by a stranger".

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::{TcpListener, TcpSocket};

/// Connections that may wait to be accepted: more than the agent ever opens at once.
const BACKLOG: u32 = 128;

/// A port held by a bound socket that does not listen: connecting to it is refused until [`Port::listen`] or a child listens.
#[derive(Debug)]
pub struct Port {
    address: SocketAddr,
    // Linux lets a second SO_REUSEADDR socket bind and listen here, because this one never listens.
    _reservation: TcpSocket,
}

impl Port {
    /// Takes a free port.
    pub fn reserve() -> io::Result<Self> {
        Self::reserve_at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
    }

    /// Takes this port; number 0 takes a free one.
    pub fn reserve_at(address: SocketAddr) -> io::Result<Self> {
        let _world = crate::world::handle().enter();
        let socket = socket_on(address)?;
        Ok(Self { address: socket.local_addr()?, _reservation: socket })
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its number.
    pub fn number(&self) -> u16 {
        self.address.port()
    }

    /// Begins to listen; dropping the listener makes connections refused again.
    pub fn listen(&self) -> io::Result<TcpListener> {
        let _world = crate::world::handle().enter();
        socket_on(self.address)?.listen(BACKLOG)
    }
}

fn socket_on(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn a_reserved_port_refuses_then_accepts_then_refuses_again() -> io::Result<()> {
        let port = Port::reserve()?;
        let refused = |error: io::Error| error.kind() == ErrorKind::ConnectionRefused;
        assert!(TcpStream::connect(port.address()).is_err_and(refused));
        for _ in 0..3 {
            let listener = port.listen()?;
            TcpStream::connect(port.address())?;
            drop(listener);
            assert!(TcpStream::connect(port.address()).is_err_and(refused));
        }
        Ok(())
    }
}
