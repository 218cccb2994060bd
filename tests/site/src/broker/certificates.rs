//! A certificate authority of one test, with a certificate for the broker and one for the agent.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};

/// PEM files in one folder: `ca.pem`, `broker.pem`, `broker.key`, `agent.pem`, `agent.key`.
#[derive(Debug, Clone)]
pub struct Certificates {
    folder: PathBuf,
}

impl Certificates {
    /// Makes them in `folder`: the broker's for 127.0.0.1 and localhost, the agent's with `agent` as its common name.
    pub fn create_in(folder: &Path, agent: &str) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        let here = Self { folder: folder.to_owned() };
        let key = KeyPair::generate()?;
        let mut authority = named("Test authority", vec![])?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        fs::write(here.authority(), authority.self_signed(&key)?.pem())?;
        let issuer = Issuer::new(authority, key);

        let broker = named("broker", vec!["127.0.0.1".into(), "localhost".into()])?;
        here.issue(&issuer, broker, ExtendedKeyUsagePurpose::ServerAuth, "broker")?;
        here.issue(&issuer, named(agent, vec![])?, ExtendedKeyUsagePurpose::ClientAuth, "agent")?;
        Ok(here)
    }

    /// For `ca_file`.
    pub fn authority(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// For the agent's `cert_file`.
    pub fn agent(&self) -> PathBuf {
        self.folder.join("agent.pem")
    }

    /// For the agent's `key_file`.
    pub fn agent_key(&self) -> PathBuf {
        self.folder.join("agent.key")
    }

    /// The broker's own.
    pub fn broker(&self) -> PathBuf {
        self.folder.join("broker.pem")
    }

    /// The broker's own.
    pub fn broker_key(&self) -> PathBuf {
        self.folder.join("broker.key")
    }

    fn issue(
        &self,
        issuer: &Issuer<'_, KeyPair>,
        mut wanted: CertificateParams,
        purpose: ExtendedKeyUsagePurpose,
        file: &str,
    ) -> Result<()> {
        wanted.extended_key_usages = vec![purpose];
        wanted.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate = wanted.signed_by(&key, issuer).with_context(|| format!("signing {file}"))?;
        fs::write(self.folder.join(format!("{file}.pem")), certificate.pem())?;
        fs::write(self.folder.join(format!("{file}.key")), key.serialize_pem())?;
        Ok(())
    }
}

fn named(common_name: &str, hosts: Vec<String>) -> Result<CertificateParams> {
    let mut wanted = CertificateParams::new(hosts)?;
    wanted.distinguished_name.push(DnType::CommonName, common_name);
    Ok(wanted)
}
