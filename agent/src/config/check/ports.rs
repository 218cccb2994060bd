//! Whether the serial ports are there, may be used, and are different devices.

use std::collections::BTreeMap;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use super::Finding;
use crate::door::{self, GateDriver, ReaderDriver};

/// Looks at the port of every reader and gate.
pub(super) fn findings(doors: &door::Config) -> Vec<Finding> {
    let users = users(doors);
    let mut findings: Vec<_> = users.keys().map(|port| finding(port)).collect();
    findings.extend(same_devices(&users));
    findings
}

/// The readers and gates at each port.
fn users(doors: &door::Config) -> BTreeMap<&str, Vec<&str>> {
    let mut users: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for wired in &doors.gates {
        if let GateDriver::UsbRelay { port, .. } | GateDriver::Controller { port, .. } = &wired.driver {
            users.entry(port).or_default().push(wired.gate.as_str());
        }
    }
    for wired in &doors.readers {
        if let ReaderDriver::Serial { line, .. } = &wired.driver {
            users.entry(&line.port).or_default().push(wired.reader.as_str());
        }
    }
    users
}

fn finding(port: &str) -> Finding {
    let subject = format!("port {port}");
    match std::fs::metadata(port) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Finding::error(subject, "is not there", "plug the adapter in; `varco ports` lists the ports present")
        }
        Err(error) => Finding::error(subject, error.to_string(), "`varco ports` lists the ports present"),
        Ok(data) if !data.file_type().is_char_device() => {
            Finding::error(subject, "is no device", "write a port that `varco ports` lists")
        }
        Ok(_) => match access(port, Access::READ_OK | Access::WRITE_OK) {
            Ok(()) => Finding::good(subject, "is there and may be used"),
            Err(error) => Finding::error(
                subject,
                format!("may not be used: {error}"),
                "let its user into the group of serial ports: sudo usermod -aG dialout USER, then log in again",
            ),
        },
    }
}

/// Two names of one device: a stable name and the `/dev/ttyUSB0` it points to.
fn same_devices(users: &BTreeMap<&str, Vec<&str>>) -> Vec<Finding> {
    let mut names: BTreeMap<PathBuf, Vec<&str>> = BTreeMap::new();
    for port in users.keys() {
        if let Ok(device) = Path::new(port).canonicalize() {
            names.entry(device).or_default().push(port);
        }
    }
    let twice = |(device, ports): (PathBuf, Vec<&str>)| {
        let devices: Vec<_> = ports.iter().flat_map(|port| users[port].iter().copied()).collect();
        let found = format!("has several names in the file: {}", ports.join(", "));
        let mend = format!("write the same stable name for {}, and one device for each reader", devices.join(", "));
        Finding::error(format!("port {}", device.display()), found, mend)
    };
    names.into_iter().filter(|(_, ports)| ports.len() > 1).map(twice).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::check::State;
    use crate::door::GateWiring;

    fn relay(gate: &str, port: &str) -> GateWiring {
        let driver =
            GateDriver::UsbRelay { port: port.into(), channel: 1, pulse: std::time::Duration::from_millis(500) };
        GateWiring { gate: gate.parse().expect("a name"), driver }
    }

    fn told(ports: &[&str]) -> Vec<(State, String)> {
        let gates = ports.iter().enumerate().map(|(at, port)| relay(&format!("g{at}"), port)).collect();
        let doors = door::Config { gates, readers: Vec::new() };
        findings(&doors).into_iter().map(|finding| (finding.state, finding.found)).collect()
    }

    #[test]
    fn a_port_that_is_gone_or_no_device_is_an_error() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let file = file.path().to_str().expect("text");
        assert_eq!(told(&["/dev/gone"]), [(State::Error, "is not there".into())]);
        assert_eq!(told(&[file]), [(State::Error, "is no device".into())]);
        assert_eq!(told(&["/dev/null"]), [(State::Good, "is there and may be used".into())]);
    }

    #[test]
    fn two_names_of_one_device_are_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let link = folder.path().join("by-id");
        std::os::unix::fs::symlink("/dev/null", &link).expect("linked");
        let told = told(&["/dev/null", link.to_str().expect("text")]);
        assert_eq!(told.iter().filter(|(state, _)| *state == State::Error).count(), 1);
    }
}
