//! The console's certificate: read from its two files, and read again when it was renewed, while connections go on.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// Why a certificate does not serve.
#[derive(Debug, thiserror::Error)]
pub(super) enum CertificateError {
    /// A file cannot be read.
    #[error("reading {0}: {1}")]
    Pem(PathBuf, rustls_pki_types::pem::Error),
    /// Certificate and key do not serve, alone or together.
    #[error("using {0} with its key: {1}")]
    Pair(PathBuf, rustls::Error),
    /// Reading was given up.
    #[error("reading the certificate: {0}")]
    Unread(#[from] tokio::task::JoinError),
}

/// A certificate chain and its key, ready to be served.
#[derive(Clone)]
pub(super) struct Certificate {
    chain: Vec<CertificateDer<'static>>,
    pub(super) acceptor: TlsAcceptor,
}

impl Certificate {
    /// Reads the chain and the key, both PEM, off the threads that serve.
    pub(super) async fn read((chain, key): &(PathBuf, PathBuf)) -> Result<Self, CertificateError> {
        let (chain, key) = (chain.clone(), key.clone());
        tokio::task::spawn_blocking(move || read(&chain, &key)).await?
    }

    /// Whether both are the same certificate. The key is that of the certificate, so it is the same as well.
    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        self.chain == other.chain
    }
}

fn read(chain: &Path, key: &Path) -> Result<Certificate, CertificateError> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |why| CertificateError::Pem(path, why)
    };
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_file_iter(chain).and_then(Iterator::collect);
    let certificates = certificates.map_err(unreadable(chain))?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(unreadable(key))?;
    let unusable = |why| CertificateError::Pair(chain.to_owned(), why);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_no_client_auth()
        .with_single_cert(certificates.clone(), key)
        .map_err(unusable)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Certificate { chain: certificates, acceptor: TlsAcceptor::from(Arc::new(config)) })
}
