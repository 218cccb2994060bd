//! Whether certificates and keys can be read, belong together and are valid today.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use rustls::crypto::ring;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::Finding;
use super::certificate::validity;
use crate::config::Config;

/// How long before its end a certificate is worth a warning: time to have it renewed.
const RENEW_BEFORE: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Looks at every certificate the configuration names.
pub(super) fn findings(config: &Config, now: Timestamp) -> Vec<Finding> {
    let tls = config.mqtt.as_ref().and_then(|mqtt| mqtt.tls.as_ref());
    let authorities = tls.and_then(|tls| tls.ca_file.as_deref());
    let client = tls.and_then(|tls| tls.client.as_ref());
    let pairs = of_console(config, now).into_iter().chain(client.map(|(certificate, key)| pair(certificate, key, now)));
    let of_webhooks = config.webhooks.iter().filter_map(|webhook| webhook.ca_file.as_deref());
    authorities.into_iter().chain(of_webhooks).map(|file| chain(file, now).1).chain(pairs).collect()
}

/// Looks at the console's certificate, if it has one.
pub(super) fn of_console(config: &Config, now: Timestamp) -> Option<Finding> {
    config.console.tls.as_ref().map(|(certificate, key)| pair(certificate, key, now))
}

/// The certificates of a file, and how they are.
fn chain(file: &Path, now: Timestamp) -> (Vec<CertificateDer<'static>>, Finding) {
    let subject = format!("certificate {}", file.display());
    const MEND: &str = "put certificates in PEM into it (-----BEGIN CERTIFICATE-----)";
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Err(error) => (Vec::new(), Finding::error(subject, error.to_string(), MEND)),
        Ok(chain) if chain.is_empty() => (chain, Finding::error(subject, "holds no certificate", MEND)),
        Ok(chain) => {
            let finding = dates(subject, &chain, now);
            (chain, finding)
        }
    }
}

/// The worst finding about the dates of a chain.
fn dates(subject: String, chain: &[CertificateDer<'_>], now: Timestamp) -> Finding {
    let one = |certificate: &CertificateDer<'_>| match validity(certificate) {
        None => Finding::error(&*subject, "one is no X.509 certificate", "have it issued again"),
        Some(valid) if now < valid.from => {
            Finding::error(&*subject, format!("is valid only from {}", valid.from), "check this machine's clock")
        }
        Some(valid) if now > valid.until => {
            Finding::error(&*subject, format!("expired at {}", valid.until), "have it renewed")
        }
        Some(valid) if now + RENEW_BEFORE > valid.until => {
            Finding::warning(&*subject, format!("expires at {}", valid.until), "have it renewed")
        }
        Some(valid) => Finding::good(&*subject, format!("valid until {}", valid.until)),
    };
    let findings = chain.iter().map(one);
    findings.max_by_key(|finding| finding.state).expect("an empty chain has been refused")
}

/// A chain and the key of its first certificate.
fn pair(certificate: &Path, key: &Path, now: Timestamp) -> Finding {
    let (chain, finding) = chain(certificate, now);
    if chain.is_empty() {
        return finding;
    }
    let subject = format!("key {}", key.display());
    let private = match PrivateKeyDer::from_pem_file(key) {
        Ok(private) => private,
        Err(error) => {
            return Finding::error(subject, error.to_string(), "put a private key in PEM into it, without a password");
        }
    };
    match CertifiedKey::from_der(chain, private, &ring::default_provider()) {
        Ok(_) => finding,
        Err(error) => {
            let mend = format!("name the key that belongs to {}", certificate.display());
            Finding::error(subject, error.to_string(), mend)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::check::State;

    /// Self-signed with openssl, P-256, valid from 2026-11-22 to 2036-11-19.
    const CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----\n\
MIIBhzCCAS2gAwIBAgIUMZjrTig3GybFURk5iIlQi36EVxIwCgYIKoZIzj0EAwIw\n\
GTEXMBUGA1UEAwwOYnJva2VyLmV4YW1wbGUwHhcNMjYxMTIyMDAzMTQ4WhcNMzYx\n\
MTE5MDAzMTQ4WjAZMRcwFQYDVQQDDA5icm9rZXIuZXhhbXBsZTBZMBMGByqGSM49\n\
AgEGCCqGSM49AwEHA0IABJkw4ffO29f0lMU5+MJ/4QezHCKxBeOgiB9WdwkD0abw\n\
+t3zCyiJKP+fNye/cAeB5JB59WQZFJaEBrj2IKQ4R+CjUzBRMB0GA1UdDgQWBBSd\n\
bTwP2I8eR8KGPhEEbZCGLCiwlDAfBgNVHSMEGDAWgBSdbTwP2I8eR8KGPhEEbZCG\n\
LCiwlDAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIAZcZU/LyGw2\n\
bj/eQi9EZlIawPzfO4gmwvDy7yn9ypDyAiEAq1pKAIGnmPcPAmYSCwwo5q4BFL/L\n\
BOUwzHxg6wc63b0=\n\
-----END CERTIFICATE-----\n\
";
    const KEY: &str = "\
-----BEGIN PRIVATE KEY-----\n\
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgkHO3M/Jw+IYA3oq3\n\
ek3VGvtmN9DPZIYU9h+SmA/sFu6hRANCAASZMOH3ztvX9JTFOfjCf+EHsxwisQXj\n\
oIgfVncJA9Gm8Prd8wsoiSj/nzcnv3AHgeSQefVkGRSWhAa49iCkOEfg\n\
-----END PRIVATE KEY-----\n\
";
    /// Another key.
    const STRANGER: &str = "\
-----BEGIN PRIVATE KEY-----\n\
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgwOfvN+tqeRcza6Yg\n\
vsflRq3QPTMEhVzmwDXyYYSu7gehRANCAARJhjDxISyyL0D48URVqwVljHAbUdQs\n\
46PPf8lzJzE1Q9+9m8YLaekeSA2W789Z5NiT1fO5aLwRxVf8UhOk4/gk\n\
-----END PRIVATE KEY-----\n\
";

    fn found(certificate: &str, key: &str, now: &str) -> (State, String) {
        let folder = tempfile::tempdir().expect("a folder");
        let (at, key_at) = (folder.path().join("c.pem"), folder.path().join("k.pem"));
        std::fs::write(&at, certificate).expect("written");
        std::fs::write(&key_at, key).expect("written");
        let finding = pair(&at, &key_at, now.parse().expect("a time"));
        (finding.state, finding.found)
    }

    #[test]
    fn a_certificate_is_good_while_it_is_valid_and_warned_of_before_it_ends() {
        let at = |now| found(CERTIFICATE, KEY, now);
        assert_eq!(at("2027-01-01T00:00:00Z"), (State::Good, "valid until 2036-11-19T00:31:48Z".into()));
        assert_eq!(at("2036-11-10T00:00:00Z").0, State::Warning);
        assert_eq!(at("2036-11-20T00:00:00Z"), (State::Error, "expired at 2036-11-19T00:31:48Z".into()));
        assert_eq!(at("2020-01-01T00:00:00Z").0, State::Error);
    }

    #[test]
    fn a_key_must_belong_to_its_certificate() {
        let (state, found) = found(CERTIFICATE, STRANGER, "2027-01-01T00:00:00Z");
        assert_eq!(state, State::Error, "{found}");
    }

    #[test]
    fn what_is_no_certificate_is_told_and_never_panics() {
        let now = "2027-01-01T00:00:00Z";
        assert_eq!(found("", KEY, now), (State::Error, "holds no certificate".into()));
        assert_eq!(found("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n", KEY, now).0, State::Error);
        let der = CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).expect("a certificate");
        for cut in 0..der.len() {
            let _may_be_none = validity(&der[..cut]);
        }
    }
}
