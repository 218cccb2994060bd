//! A small authority that certifies the broker `localhost` and the agent, made by the openssl command.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where the files lie; each pair is certificate and key.
pub(crate) struct Files {
    pub(crate) ca: PathBuf,
    pub(crate) broker: (PathBuf, PathBuf),
    pub(crate) agent: (PathBuf, PathBuf),
}

/// Makes all of them in a folder.
pub(crate) fn make(folder: &Path) -> Files {
    let request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2";
    openssl(folder, &format!("{request} -keyout ca.key -out ca.pem -subj /CN=club-authority"));
    for (name, subject) in [("broker", "localhost"), ("agent", "club")] {
        let extensions = format!("subjectAltName=DNS:{subject}\nbasicConstraints=CA:FALSE\n");
        std::fs::write(folder.join("extensions"), extensions).unwrap();
        let key = format!("req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {name}.key -out {name}.csr");
        openssl(folder, &format!("{key} -subj /CN={subject}"));
        let sign = "x509 -req -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile extensions";
        openssl(folder, &format!("{sign} -in {name}.csr -out {name}.pem"));
    }
    let pair = |name: &str| (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
    Files { ca: folder.join("ca.pem"), broker: pair("broker"), agent: pair("agent") }
}

fn openssl(folder: &Path, arguments: &str) {
    let mut openssl = Command::new("openssl");
    openssl.current_dir(folder).args(arguments.split(' ')).stdout(Stdio::null()).stderr(Stdio::null());
    assert!(openssl.status().expect("openssl is installed (tests/run does it)").success(), "openssl {arguments}");
}
