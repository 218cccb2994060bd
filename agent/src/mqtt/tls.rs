//! TLS to the broker: whom we trust, and who we are.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::Tls;

/// Why TLS cannot be set up from the files named in the configuration.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TlsTrouble {
    /// A file cannot be read, or is not what it should be.
    #[error("reading {what} from {file}: {why}")]
    File { what: &'static str, file: String, why: String },
    /// The system has no authorities, and none are configured.
    #[error("the system's certificate store has no usable authority; name one in `mqtt.ca_file`")]
    NoSystemAuthorities,
    /// Certificate and key do not fit each other or the protocol.
    #[error("setting up TLS: {0}")]
    Rustls(#[from] rustls::Error),
}

/// Reads the files anew, so that a renewed certificate is used by the next connection. Blocks on the disk: call it off
/// the runtime's threads. Host names are verified.
pub(super) fn client_config(tls: &Tls) -> Result<Arc<ClientConfig>, TlsTrouble> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(authorities(tls)?);
    let config = match &tls.client {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => builder.with_client_auth_cert(
            certificates("the client certificate", chain)?,
            PrivateKeyDer::from_pem_file(key).map_err(|error| trouble("the client key", key, &error))?,
        )?,
    };
    Ok(Arc::new(config))
}

fn authorities(tls: &Tls) -> Result<RootCertStore, TlsTrouble> {
    let mut roots = RootCertStore::empty();
    if let Some(file) = &tls.ca_file {
        for authority in certificates("the authorities", file)? {
            roots.add(authority).map_err(|error| trouble("the authorities", file, &error))?;
        }
        return Ok(roots);
    }
    // One unreadable file among the system's hundred is no reason to trust none of them.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() { Err(TlsTrouble::NoSystemAuthorities) } else { Ok(roots) }
}

fn certificates(what: &'static str, file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsTrouble> {
    let certificates: Vec<_> =
        CertificateDer::pem_file_iter(file).and_then(Iterator::collect).map_err(|error| trouble(what, file, &error))?;
    if certificates.is_empty() {
        return Err(trouble(what, file, &"it holds no PEM certificate"));
    }
    Ok(certificates)
}

fn trouble(what: &'static str, file: &Path, why: &dyn std::fmt::Display) -> TlsTrouble {
    TlsTrouble::File { what, file: file.display().to_string(), why: why.to_string() }
}
