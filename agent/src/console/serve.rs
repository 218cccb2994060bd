//! Listening for browsers and other systems: connections in bounded number, TLS, and an end that loses no write.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_http::add_extension::AddExtension;

use crate::telemetry::Fact;

use super::admit::Peer;
use super::api::router;
use super::config::Config;
use super::facts::ConnectionLost;
use super::handles::Handles;
use super::state::Console;

/// Most connections at once; further ones wait in the kernel's queue. Each costs a few kilobytes.
const CONNECTIONS_MAX: usize = 256;
/// How long a client may take for TLS and for the head of a request, so that silent ones do not hold connections.
const HEAD_TIME_MAX: Duration = Duration::from_secs(10);
/// Largest head of a request, in bytes.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// How long requests under way may take when the console ends.
const GRACE: Duration = Duration::from_secs(5);
/// Pause after the kernel refused a connection (no file handles left): trying at once would only burn the processor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why the console cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be had.
    #[error("listening on {0}: {1}")]
    Listen(SocketAddr, io::Error),
    /// A file of the certificate cannot be read.
    #[error("reading {0}: {1}")]
    Pem(PathBuf, rustls_pki_types::pem::Error),
    /// Certificate and key do not serve.
    #[error("using the certificate of the console: {0}")]
    Certificate(#[from] rustls::Error),
}

/// Listens, and serves in a task of `tasks` until `stop`; then answers what was asked and ends. Returns the address,
/// with the port that was free if 0 was asked for.
///
/// # Errors
/// When the address cannot be had or the certificate does not serve.
pub async fn serve(
    config: &Config,
    handles: Handles,
    tasks: &mut JoinSet<anyhow::Result<()>>,
    stop: &CancellationToken,
) -> Result<SocketAddr, ServeError> {
    let tls = config.tls.as_ref().map(|(chain, key)| acceptor(chain, key)).transpose()?;
    let listening = |why| ServeError::Listen(config.listen, why);
    let listener = TcpListener::bind(config.listen).await.map_err(listening)?;
    let address = listener.local_addr().map_err(listening)?;
    let console = Arc::new(Console::new(handles, config.behind_proxy, stop.clone()));
    tasks.spawn(async move {
        listen(listener, tls, console).await;
        Ok(())
    });
    Ok(address)
}

fn acceptor(chain: &Path, key: &Path) -> Result<TlsAcceptor, ServeError> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |why| ServeError::Pem(path.clone(), why)
    };
    let certificates: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(chain).and_then(Iterator::collect).map_err(unreadable(chain));
    let key = PrivateKeyDer::from_pem_file(key).map_err(unreadable(key))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(certificates?, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn listen(listener: TcpListener, tls: Option<TlsAcceptor>, console: Arc<Console>) {
    let router = router(Arc::clone(&console));
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = console.stopping.cancelled() => break,
            accepted = accept(&listener, &places) => accepted,
        };
        match accepted {
            Ok((stream, peer, place)) => {
                let (tls, router, stop) = (tls.clone(), router.clone(), console.stopping.clone());
                connections.spawn(async move {
                    connect(stream, peer, tls, router, stop).await;
                    drop(place);
                });
            }
            Err(why) => {
                ConnectionLost { why: &why }.tell();
                tokio::time::sleep(ACCEPT_PAUSE).await;
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

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.expect("nobody closes the places");
    let (stream, peer) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, peer, place))
}

async fn connect(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<TlsAcceptor>,
    router: Router,
    stop: CancellationToken,
) {
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
    peer: SocketAddr,
    router: Router,
    stop: CancellationToken,
) {
    let service = TowerToHyperService::new(AddExtension::new(router, Peer(peer.ip())));
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
