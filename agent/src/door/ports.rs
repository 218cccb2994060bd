//! Which serial ports this machine has, and the name under which each is found again after replugging.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use tokio_serial::{SerialPortType, UsbPortInfo};

/// Where the kernel lists terminals; containers without it have no ports to show.
const KERNEL_LIST: &str = "/sys/class/tty";
/// Where udev keeps a link per USB adapter, named by vendor, product and serial number.
const BY_ID: &str = "/dev/serial/by-id";

/// A serial port of this machine.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct PortFound {
    /// Its device, which may be another after replugging.
    pub device: PathBuf,
    /// The link that follows the adapter; the one to configure.
    pub by_id: Option<PathBuf>,
    /// The adapter, for USB ports.
    pub usb: Option<UsbAdapter>,
}

/// A USB adapter as it describes itself.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct UsbAdapter {
    /// USB vendor number.
    pub vendor_id: u16,
    /// USB product number.
    pub product_id: u16,
    /// Vendor.
    pub vendor: Option<String>,
    /// Product.
    pub product: Option<String>,
    /// Serial number; adapters without one cannot be told from others of their kind.
    pub serial_number: Option<String>,
}

/// All ports found, in the order of their devices. Displays as a table.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct PortTable(pub Vec<PortFound>);

/// Why ports cannot be listed.
#[derive(Debug, thiserror::Error)]
pub enum PortsError {
    /// No sysfs.
    #[error("listing serial ports: {KERNEL_LIST} does not exist on this system")]
    NoKernelList,
    /// The listing failed.
    #[error("listing serial ports: {0}")]
    Listing(#[from] tokio_serial::Error),
}

/// Lists the serial ports of this machine.
///
/// # Errors
/// When the kernel's list cannot be read.
pub fn ports() -> Result<PortTable, PortsError> {
    // The library panics without the directory.
    if !Path::new(KERNEL_LIST).is_dir() {
        return Err(PortsError::NoKernelList);
    }
    let links = links_in(Path::new(BY_ID));
    let found = tokio_serial::available_ports()?.into_iter().map(|port| {
        let device = PathBuf::from(port.port_name);
        let usb = match port.port_type {
            SerialPortType::UsbPort(usb) => Some(usb.into()),
            SerialPortType::PciPort | SerialPortType::BluetoothPort | SerialPortType::Unknown => None,
        };
        PortFound { by_id: links.get(&device).cloned(), device, usb }
    });
    let mut found: Vec<_> = found.collect();
    found.sort_by(|a, b| a.device.cmp(&b.device));
    Ok(PortTable(found))
}

/// Links by the device they lead to; none if the directory is not there, as on machines without USB adapters.
fn links_in(directory: &Path) -> BTreeMap<PathBuf, PathBuf> {
    let Ok(entries) = directory.read_dir() else { return BTreeMap::new() };
    let links = entries.filter_map(|entry| {
        let link = entry.ok()?.path();
        Some((link.canonicalize().ok()?, link))
    });
    links.collect()
}

impl From<UsbPortInfo> for UsbAdapter {
    fn from(usb: UsbPortInfo) -> Self {
        Self {
            vendor_id: usb.vid,
            product_id: usb.pid,
            vendor: usb.manufacturer,
            product: usb.product,
            serial_number: usb.serial_number,
        }
    }
}

impl fmt::Display for UsbAdapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}:{:04x}", self.vendor_id, self.product_id)?;
        for word in [&self.vendor, &self.product].into_iter().flatten() {
            write!(f, " {}", printable(word))?;
        }
        match &self.serial_number {
            Some(number) => write!(f, ", serial number {}", printable(number)),
            None => write!(f, ", no serial number"),
        }
    }
}

/// The names are the device's own and may hold anything, also what a terminal would obey.
fn printable(word: &str) -> String {
    word.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

impl fmt::Display for PortTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return writeln!(f, "no serial ports found");
        }
        for port in &self.0 {
            let usb = port.usb.as_ref().map_or_else(|| "built in".to_owned(), UsbAdapter::to_string);
            writeln!(f, "{:<14}  {usb}", port.device.display())?;
            if let Some(link) = &port.by_id {
                writeln!(f, "  port = \"{}\"", link.display())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_found_under_its_lasting_name() {
        let dir = tempfile::tempdir().unwrap();
        let device = dir.path().canonicalize().unwrap().join("ttyUSB0");
        std::fs::write(&device, "").unwrap();
        let by_id = dir.path().join("by-id");
        std::fs::create_dir(&by_id).unwrap();
        std::os::unix::fs::symlink("../ttyUSB0", by_id.join("usb-FTDI-port0")).unwrap();
        std::os::unix::fs::symlink("../gone", by_id.join("usb-gone-port0")).unwrap();
        assert_eq!(links_in(&by_id), BTreeMap::from([(device, by_id.join("usb-FTDI-port0"))]));
        assert_eq!(links_in(&dir.path().join("none")), BTreeMap::new());
    }

    #[test]
    fn the_table_shows_what_to_write_into_the_configuration() {
        let usb = UsbAdapter {
            vendor_id: 0x0403,
            product_id: 0x6001,
            vendor: Some("FTDI".into()),
            product: Some("FT232R\u{1b}[2J".into()),
            serial_number: Some("A50285BI".into()),
        };
        let table = PortTable(vec![
            PortFound { device: "/dev/ttyS0".into(), by_id: None, usb: None },
            PortFound {
                device: "/dev/ttyUSB0".into(),
                by_id: Some("/dev/serial/by-id/usb-FTDI".into()),
                usb: Some(usb),
            },
        ]);
        expect_test::expect![[r#"
            /dev/ttyS0      built in
            /dev/ttyUSB0    0403:6001 FTDI FT232R?[2J, serial number A50285BI
              port = "/dev/serial/by-id/usb-FTDI"
        "#]]
        .assert_eq(&table.to_string());
    }

    #[test]
    fn this_machine_can_be_asked() {
        match ports() {
            Ok(table) => assert!(table.0.iter().all(|port| port.device.exists())),
            Err(refused) => assert!(refused.to_string().starts_with("listing serial ports")),
        }
    }
}
