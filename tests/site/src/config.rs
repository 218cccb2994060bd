//! The configuration of a test club: a folder of its own, sensible defaults, and every key within reach.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;
use toml_edit::{ArrayOfTables, DocumentMut, InlineTable, Item, Table, Value, value};

use crate::broker::{Certificates, User};
use crate::reader::Dialect;
use crate::receiver::{self, Receiver};
use crate::sandbox::Sandbox;

/// The id of the site in topics and sources.
pub const SITE: &str = "milano-centro";

/// Mywellness asks for about one request a second; a test that waits for a hundred visits cannot.
const REQUESTS_PER_SECOND: i64 = 100;

/// A club's `varco.toml` in the making, and the folder that holds its store, secrets, devices and log.
#[derive(Debug)]
pub struct Club {
    folder: TempDir,
    document: DocumentMut,
}

impl Club {
    /// A club in Milan with a store, a console on a free port and one zone `gym`; no gate, no reader, no upstream.
    pub fn new() -> Result<Self> {
        let mut club = Self { folder: tempfile::tempdir()?, document: DocumentMut::new() };
        let store = club.path("varco.db").display().to_string();
        club.set("site.id", SITE).set("site.name", "Club Milano Centro");
        club.set("site.timezone", "Europe/Rome").set("site.locale", "it");
        club.set("store.path", store).set("console.listen", "127.0.0.1:0");
        club.add("zone", "gym");
        Ok(club)
    }

    /// The club's folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A path in the club's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// Sets one key by its dotted path: `access.repeat_window`.
    pub fn set(&mut self, key: &str, to: impl Into<Value>) -> &mut Self {
        let mut place = self.document.as_table_mut();
        let mut parts: Vec<&str> = key.split('.').collect();
        let last = parts.pop().expect("split yields at least one part");
        for part in parts {
            let item = place.entry(part).or_insert_with(|| Item::Table(implicit()));
            place = item.as_table_mut().expect("a test sets keys of tables only");
        }
        place.insert(last, value(to));
        self
    }

    /// Removes a table, or all tables of a list.
    pub fn remove(&mut self, key: &str) -> &mut Self {
        self.document.remove(key);
        self
    }

    /// Changes every `[[kind]]` table.
    pub fn each(&mut self, kind: &str, change: impl FnMut(&mut Table)) {
        let list = self.document.get_mut(kind).and_then(Item::as_array_of_tables_mut);
        list.into_iter().flat_map(ArrayOfTables::iter_mut).for_each(change);
    }

    /// Appends a `[[kind]]` table with this id and hands it out, to set more of its keys.
    pub fn add(&mut self, kind: &str, id: &str) -> &mut Table {
        let list = self.document.entry(kind).or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
        let list = list.as_array_of_tables_mut().expect("a test adds to lists of tables only");
        let mut table = Table::new();
        table["id"] = value(id);
        list.push(table);
        list.get_mut(list.len() - 1).expect("one was just pushed")
    }

    /// A `[[kind]]` table that was appended before, to change its keys.
    pub fn change(&mut self, kind: &str, id: &str) -> &mut Table {
        let list = self.document[kind].as_array_of_tables_mut().expect("a test changes what it appended");
        let mut tables = list.iter_mut();
        tables.find(|table| table["id"].as_str() == Some(id)).expect("a test changes what it appended")
    }

    /// A gate behind a channel of a USB relay board.
    pub fn relay_gate(&mut self, id: &str, port: &Path, channel: u8) -> &mut Table {
        let gate = self.add("gate", id);
        gate["driver"] = value("usb-relay");
        gate["port"] = value(port.display().to_string());
        gate["channel"] = value(i64::from(channel));
        gate["open_for"] = value("200ms");
        gate["confirm"] = value("assumed");
        gate
    }

    /// A gate with a controller at the other end of a cable, which sees who goes through.
    pub fn controller_gate(&mut self, id: &str, port: &Path) -> &mut Table {
        let gate = self.add("gate", id);
        gate["driver"] = value("controller");
        gate["port"] = value(port.display().to_string());
        gate["confirm"] = value("rotation");
        gate
    }

    /// A reader on a serial line that lets in to the zone `gym` and makes visits.
    pub fn reader(&mut self, id: &str, gate: &str, port: &Path, dialect: Dialect) -> &mut Table {
        let reader = self.entry(id, gate, "serial");
        let form = match dialect {
            Dialect::Line | Dialect::StxEtx => "text",
            Dialect::Rdm6300 | Dialect::Id12 | Dialect::WiegandText => "hex",
        };
        reader["frame"] = value(dialect.name());
        reader["badge"] = value(InlineTable::from_iter([("form", form), ("order", "as-sent")]));
        reader["port"] = value(port.display().to_string());
        reader["baud"] = value(9600);
        reader
    }

    /// A reader and a display on a gate's controller that let in to the zone `gym` and make visits.
    pub fn controller_reader(&mut self, id: &str, gate: &str, input: usize) -> &mut Table {
        let reader = self.entry(id, gate, "controller");
        reader["input"] = value(input as i64);
        reader["display"] = value("controller");
        reader
    }

    /// A reader on a gate's controller that lets out of the zone `gym` and ends visits.
    pub fn controller_exit_reader(&mut self, id: &str, gate: &str, input: usize) -> &mut Table {
        let reader = self.controller_reader(id, gate, input);
        reader["direction"] = value("out");
        reader["new_visit"] = value(false);
        reader
    }

    fn entry(&mut self, id: &str, gate: &str, driver: &str) -> &mut Table {
        let reader = self.add("reader", id);
        for (key, text) in [("gate", gate), ("driver", driver), ("direction", "in"), ("zone", "gym")] {
            reader[key] = value(text);
        }
        reader["new_visit"] = value(true);
        reader["device_type"] = value("turnstile");
        reader
    }

    /// A reader that lets out of the zone `gym` and ends visits.
    pub fn exit_reader(&mut self, id: &str, gate: &str, port: &Path, dialect: Dialect) -> &mut Table {
        let reader = self.reader(id, gate, port, dialect);
        reader["direction"] = value("out");
        reader["new_visit"] = value(false);
        reader
    }

    /// The MQTT lane.
    pub fn mqtt(&mut self, url: &str) -> &mut Self {
        self.set("mqtt.url", url).set("mqtt.client_id", SITE)
    }

    /// The name and password the broker asks for.
    pub fn mqtt_user(&mut self, user: &User) -> Result<&mut Self> {
        let file = self.secret("mqtt-password", &user.password)?;
        Ok(self.set("mqtt.username", &user.name).set("mqtt.password_file", file))
    }

    /// The certificates of an `mqtts` broker.
    pub fn mqtt_certificates(&mut self, certificates: &Certificates) -> &mut Self {
        let text = |path: PathBuf| path.display().to_string();
        self.set("mqtt.ca_file", text(certificates.authority()));
        self.set("mqtt.cert_file", text(certificates.agent()));
        self.set("mqtt.key_file", text(certificates.agent_key()))
    }

    /// The Mywellness lane to a sandbox, at a hundred requests a second.
    pub fn mywellness(&mut self, sandbox: &Sandbox) -> Result<&mut Self> {
        let options = sandbox.options();
        let api_key = self.secret("mywellness-api-key", &options.api_key)?;
        let password = self.secret("mywellness-password", &options.password)?;
        self.set("mywellness.base_url", sandbox.base_url()).set("mywellness.facility_url", options.facility_url);
        self.set("mywellness.api_key_file", api_key).set("mywellness.username", options.username);
        self.set("mywellness.password_file", password).set("mywellness.mode", "automatic");
        Ok(self.set("mywellness.requests_per_second", REQUESTS_PER_SECOND))
    }

    /// A webhook to a receiver.
    pub fn webhook(&mut self, id: &str, receiver: &Receiver, events: &[&str]) -> Result<&mut Table> {
        let secret = self.secret(&format!("webhook-{id}"), receiver::SECRET)?;
        let webhook = self.add("webhook", id);
        webhook["url"] = value(receiver.url());
        webhook["secret_file"] = value(secret);
        webhook["events"] = value(toml_edit::Array::from_iter(events.iter().copied()));
        Ok(webhook)
    }

    /// Writes a secret to a file of its own; answers its path.
    pub fn secret(&self, name: &str, text: &str) -> Result<String> {
        let path = self.path(name);
        // A trailing newline, as an editor leaves it: secrets files are trimmed.
        fs::write(&path, format!("{text}\n")).with_context(|| format!("writing {}", path.display()))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        Ok(path.display().to_string())
    }

    /// Writes `varco.toml`; answers its path. Call it again after a change, before SIGHUP.
    pub fn write(&self) -> Result<PathBuf> {
        let path = self.path("varco.toml");
        fs::write(&path, self.document.to_string()).with_context(|| format!("writing {}", path.display()))?;
        Ok(path)
    }
}

/// A table that is written only for the keys in it.
fn implicit() -> Table {
    let mut table = Table::new();
    table.set_implicit(true);
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::Options;

    #[tokio::test]
    async fn a_club_is_written_as_the_interfaces_name_it() -> Result<()> {
        let sandbox = Sandbox::start(Options::default()).await?;
        let mut club = Club::new()?;
        club.set("access.conditions.certificate.level", "warn");
        club.relay_gate("turnstile-1", Path::new("/dev/relay"), 1)["passage_timeout"] = value("2s");
        club.reader("entry-1", "turnstile-1", Path::new("/dev/entry"), Dialect::Rdm6300);
        club.exit_reader("exit-1", "turnstile-1", Path::new("/dev/exit"), Dialect::Line);
        club.controller_gate("turnstile-2", Path::new("/dev/turnstile-2"));
        club.controller_reader("entry-2", "turnstile-2", 0);
        club.controller_exit_reader("exit-2", "turnstile-2", 1);
        club.mqtt("mqtt://127.0.0.1:1883").mywellness(&sandbox)?;

        let folder = club.folder().display().to_string();
        let text = fs::read_to_string(club.write()?)?.replace(&folder, "F").replace(&sandbox.base_url(), "http://B");
        assert_eq!(text, include_str!("../tests/club.toml"));
        assert_eq!(fs::read_to_string(club.path("mywellness-password"))?, "sandbox-password\n");
        Ok(())
    }
}
