//! Listening for browsers and other systems, as soon as that is possible: bounded connections, TLS, and an end that loses no write.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{interval, sleep};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_http::add_extension::AddExtension;

use crate::telemetry::Fact;

use super::admit::Peer;
use super::api::router;
use super::certificate::{Certificate, CertificateError};
use super::config::Config;
use super::facts::{CertificateKept, CertificateTaken, ConnectionLost, ConnectionRefused, ConsoleListens, ConsoleShut};
use super::handles::Handles;
use super::places::Places;
use super::state::Console;

/// How long a client may take for TLS and for the head of a request, so that silent ones do not hold connections.
const HEAD_TIME_MAX: Duration = Duration::from_secs(10);
/// Largest head of a request, in bytes.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// How long requests under way may take when the console ends.
const GRACE: Duration = Duration::from_secs(5);
/// Pause after the kernel refused a connection (no file handles left): trying at once would only burn the processor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Pause before listening is tried again: soon after the address has come, somebody wants to look.
const LISTEN_AGAIN: Duration = Duration::from_secs(2);
/// How often the certificate is read again unasked: whoever renewed it and told nobody still has days before it ends.
const RENEWAL_LOOK: Duration = Duration::from_secs(3600);

/// Why the console cannot be served.
#[derive(Debug, thiserror::Error)]
enum ServeError {
    /// The address cannot be had.
    #[error("listening on {0}: {1}")]
    Listen(SocketAddr, io::Error),
    /// The certificate does not serve.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

/// The console as it is served.
pub struct Served {
    /// Where it listens, with the port that was free if 0 was asked for. None: it could not yet, and goes on trying.
    pub address: Option<SocketAddr>,
    /// Has the certificate read again.
    pub renewal: Renewal,
}

/// Asks the console to read its certificate again, and to try at once to listen if it could not.
#[derive(Clone, Default)]
pub struct Renewal(Arc<Notify>);

impl Renewal {
    /// Asks; the console does it when it can.
    pub fn ask(&self) {
        self.0.notify_one();
    }
}

/// Listens, and serves in a task of `tasks` until `stop`; then answers what was asked and ends. An address that cannot be
/// had or a certificate that does not serve is told and tried again: gates and lanes do not wait for the console.
pub async fn serve(config: &Config, handles: Handles, tasks: &mut JoinSet<()>, stop: &CancellationToken) -> Served {
    let entrance = Entrance {
        listen: config.listen,
        files: config.tls.clone(),
        trouble: watch::Sender::new(None),
        renewal: Renewal::default(),
    };
    let trouble = entrance.trouble.subscribe();
    let console = Arc::new(Console::new(handles, config, trouble, stop.clone()));
    let places = Places::new(config.behind_proxy);
    let first = entrance.open().await;
    let served = Served { address: first.as_ref().map(|open| open.address), renewal: entrance.renewal.clone() };
    tasks.spawn(async move {
        if let Some(open) = entrance.until_open(first, &console.stopping).await {
            listen(open, &entrance, console, places).await;
        }
    });
    served
}

/// Where the console is entered.
struct Entrance {
    listen: SocketAddr,
    files: Option<(PathBuf, PathBuf)>,
    /// What keeps it shut, or its certificate old; none: all is well.
    trouble: watch::Sender<Option<String>>,
    renewal: Renewal,
}

/// An entrance that is open.
struct Open {
    listener: TcpListener,
    address: SocketAddr,
    certificate: Option<Certificate>,
}

impl Entrance {
    /// Opens; none: it was told why not.
    async fn open(&self) -> Option<Open> {
        match self.attempt().await {
            Ok(open) => {
                self.trouble.send_replace(None);
                ConsoleListens { address: open.address }.tell();
                Some(open)
            }
            Err(why) => {
                if self.is_new(&why) {
                    ConsoleShut { why: &why }.tell();
                }
                None
            }
        }
    }

    async fn attempt(&self) -> Result<Open, ServeError> {
        let certificate = match &self.files {
            Some(files) => Some(Certificate::read(files).await?),
            None => None,
        };
        let failed = |why| ServeError::Listen(self.listen, why);
        let listener = TcpListener::bind(self.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Open { listener, address, certificate })
    }

    /// Tries again and again. None: the agent ends.
    async fn until_open(&self, mut opened: Option<Open>, stop: &CancellationToken) -> Option<Open> {
        while opened.is_none() {
            tokio::select! {
                () = stop.cancelled() => return None,
                () = self.renewal.0.notified() => {}
                () = sleep(LISTEN_AGAIN) => {}
            }
            opened = self.open().await;
        }
        opened
    }

    /// Reads the certificate again; one that does not serve leaves the one in use, and says so.
    async fn renew(&self, in_use: &mut Option<Certificate>) {
        let (Some(files), Some(in_use)) = (&self.files, in_use) else { return };
        match Certificate::read(files).await {
            Ok(read) => {
                let was_troubled = self.trouble.send_replace(None).is_some();
                if was_troubled || !read.is_same_as(in_use) {
                    CertificateTaken { file: &files.0 }.tell();
                }
                *in_use = read;
            }
            Err(why) => {
                if self.is_new(&why) {
                    CertificateKept { why: &why }.tell();
                }
            }
        }
    }

    /// Notes what is wrong; whether it is something else than before, which deserves a line in the log.
    fn is_new(&self, why: &dyn std::fmt::Display) -> bool {
        let why = Some(why.to_string());
        self.trouble.send_if_modified(|trouble| std::mem::replace(trouble, why.clone()) != why)
    }
}

async fn listen(open: Open, entrance: &Entrance, console: Arc<Console>, places: Arc<Places>) {
    let Open { listener, mut certificate, .. } = open;
    let router = router(Arc::clone(&console));
    let connections = TaskTracker::new();
    let mut looks = interval(RENEWAL_LOOK);
    looks.reset();
    loop {
        let accepted = tokio::select! {
            () = console.stopping.cancelled() => break,
            accepted = accept(&listener) => accepted,
            () = entrance.renewal.0.notified() => {
                entrance.renew(&mut certificate).await;
                continue;
            }
            _ = looks.tick() => {
                entrance.renew(&mut certificate).await;
                continue;
            }
        };
        match accepted {
            Ok((stream, peer)) => {
                let Some(place) = places.take(peer) else {
                    ConnectionRefused { peer }.tell();
                    continue;
                };
                let tls = certificate.as_ref().map(|certificate| certificate.acceptor.clone());
                let (router, stop) = (router.clone(), console.stopping.clone());
                connections.spawn(async move {
                    connect(stream, peer, tls, router, stop).await;
                    drop(place);
                });
            }
            Err(why) => {
                ConnectionLost { why: &why }.tell();
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    connections.close();
    console.writing.close();
    let _some_do_not_end = tokio::time::timeout(GRACE, async {
        connections.wait().await;
        console.writing.wait().await;
    })
    .await;
}

async fn accept(listener: &TcpListener) -> io::Result<(TcpStream, IpAddr)> {
    let (stream, peer) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, peer.ip()))
}

async fn connect(stream: TcpStream, peer: IpAddr, tls: Option<TlsAcceptor>, router: Router, stop: CancellationToken) {
    let Some(tls) = tls else { return answer(stream, peer, router, stop).await };
    match tokio::time::timeout(HEAD_TIME_MAX, tls.accept(stream)).await {
        Ok(Ok(stream)) => answer(stream, peer, router, stop).await,
        Ok(Err(why)) => ConnectionLost { why: &why }.tell(),
        Err(why) => ConnectionLost { why: &why }.tell(),
    }
}

/// Answers the requests of one connection.
async fn answer(
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    peer: IpAddr,
    router: Router,
    stop: CancellationToken,
) {
    let service = TowerToHyperService::new(AddExtension::new(router, Peer(peer)));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME_MAX).max_buf_size(HEAD_BYTES_MAX);
    let mut connection = std::pin::pin!(http.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(why) = ended {
        ConnectionLost { why: &why }.tell();
    }
}
