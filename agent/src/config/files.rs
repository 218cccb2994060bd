//! Files that the configuration names: secrets, keys and certificates, and where a name without a folder is looked up.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::section::{Fault, Section};
use super::values::text;

/// The longest secret, in bytes: a token fits, a wrong file is noticed.
const SECRET_BYTES_MAX: u64 = 16 * 1024;

/// Folder beside the configuration where secrets named without a folder lie when systemd handed none over.
const SECRETS_FOLDER: &str = "secrets";

/// What lies around the file: its folder, the process's variables and the credentials systemd handed over.
#[derive(Debug, Default)]
pub(super) struct Surroundings {
    /// The folder of the file; paths in it are relative to this.
    pub(super) folder: PathBuf,
    /// `$CREDENTIALS_DIRECTORY`, see systemd.exec(5).
    pub(super) credentials: Option<PathBuf>,
    /// Environment variables, for `*_env`.
    pub(super) variables: BTreeMap<String, String>,
}

impl Surroundings {
    /// Those of this process and a configuration file.
    pub(super) fn of(file: &Path) -> Self {
        let variables: BTreeMap<_, _> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let folder = std::path::absolute(file).ok().and_then(|whole| whole.parent().map(Path::to_owned));
        Self {
            folder: folder.unwrap_or_default(),
            credentials: variables.get("CREDENTIALS_DIRECTORY").map(PathBuf::from),
            variables,
        }
    }

    /// A path as written: absolute, or relative to the folder of the configuration.
    pub(super) fn path(&self, written: &str) -> PathBuf {
        self.folder.join(written)
    }

    /// The file of a `*_file` key. A name without a slash is a systemd credential, or lies in `secrets/`.
    fn file(&self, written: &str) -> PathBuf {
        if written.contains('/') {
            return self.path(written);
        }
        let credential = self.credentials.as_ref().map(|folder| folder.join(written));
        credential.filter(|path| path.exists()).unwrap_or_else(|| self.folder.join(SECRETS_FOLDER).join(written))
    }
}

/// The keys of one secret.
pub(super) struct SecretKeys {
    /// What must not be written: the secret itself.
    pub(super) inline: &'static str,
    /// Names a file.
    pub(super) file: &'static str,
    /// Names an environment variable.
    pub(super) env: &'static str,
}

/// The password of `username`, whatever upstream it is for.
pub(super) const PASSWORD: SecretKeys = SecretKeys { inline: "password", file: "password_file", env: "password_env" };

impl SecretKeys {
    /// Reads the secret. None: it is not named, or a problem was noted.
    pub(super) fn read(&self, section: &mut Section<'_>, around: &Surroundings) -> Option<SecretString> {
        section.refuse_inline_secret(self.inline);
        if section.has(self.file) && section.has(self.env) {
            section.problem(self.env, format!("`{}` is given as well", self.file), "keep one of the two");
        }
        let from_file = section.optional(self.file, |node| secret_in(&around.file(&text(node)?)));
        if let Some(Openness::TooOpen(mode)) = from_file.as_ref().map(|(_, openness)| openness) {
            warn_of_mode(section, self.file, *mode);
        }
        let from_env = section.optional(self.env, |node| {
            let name = text(node)?;
            let value = around.variables.get(&name).ok_or_else(|| {
                Fault::new(
                    format!("there is no environment variable {name}"),
                    format!("set it, or use `{}`", self.file),
                )
            })?;
            trimmed(value, &name)
        });
        from_file.map(|(secret, _)| secret).or(from_env)
    }

    /// Whether the file names the secret, well or badly.
    pub(super) fn are_written(&self, section: &Section<'_>) -> bool {
        [self.inline, self.file, self.env].iter().any(|key| section.has(key))
    }

    /// Reads a secret that must be there.
    pub(super) fn require(&self, section: &mut Section<'_>, around: &Surroundings) -> Option<SecretString> {
        let secret = self.read(section, around);
        if !self.are_written(section) {
            section.missing(self.file, &format!("{} = \"/path/to/it\" (or {})", self.file, self.env));
        }
        secret
    }
}

/// A file of certificates, by its path.
pub(super) fn certificate_file(section: &mut Section<'_>, key: &'static str, around: &Surroundings) -> Option<PathBuf> {
    section.optional(key, |node| {
        let path = around.file(&text(node)?);
        open(&path).map(|_| path)
    })
}

/// A file that holds a private key, by its path.
pub(super) fn key_file(section: &mut Section<'_>, key: &'static str, around: &Surroundings) -> Option<PathBuf> {
    let path = certificate_file(section, key, around)?;
    if let Ok(Openness::TooOpen(mode)) = openness(&path) {
        warn_of_mode(section, key, mode);
    }
    Some(path)
}

/// A certificate is of no use without its key, and the other way round.
pub(super) fn demand_pair(section: &mut Section<'_>) {
    if section.has("cert_file") && !section.has("key_file") {
        section.missing("key_file", "the private key of `cert_file`");
    }
    if section.has("key_file") && !section.has("cert_file") {
        section.missing("cert_file", "the certificate of `key_file`");
    }
}

/// Whether others than the owner and its group can get at a file.
enum Openness {
    Closed,
    TooOpen(u32),
}

/// Permission bits that a secret's file should not have: anything for others, writing for the group.
const TOO_OPEN_MODE: u32 = 0o027;

fn openness(path: &Path) -> std::io::Result<Openness> {
    let mode = std::fs::metadata(path)?.permissions().mode() & 0o777;
    Ok(if mode & TOO_OPEN_MODE == 0 { Openness::Closed } else { Openness::TooOpen(mode) })
}

fn warn_of_mode(section: &Section<'_>, key: &str, mode: u32) {
    section.warning(key, format!("others can read or change this file (mode {mode:03o})"), "chmod 640 or 600 it");
}

fn secret_in(path: &Path) -> Result<(SecretString, Openness), Fault> {
    let unreadable = |error: std::io::Error| cannot_read(path, &error);
    let mut content = String::new();
    open(path)?.take(SECRET_BYTES_MAX + 1).read_to_string(&mut content).map_err(unreadable)?;
    if content.len() as u64 > SECRET_BYTES_MAX {
        let what = format!("{} is longer than {SECRET_BYTES_MAX} bytes", path.display());
        return Err(Fault::new(what, "name the file that holds only the secret"));
    }
    Ok((trimmed(&content, &path.display().to_string())?, openness(path).map_err(unreadable)?))
}

/// A secret without the line end that editors add. It goes into headers and handshakes, so it is one line.
fn trimmed(content: &str, source: &str) -> Result<SecretString, Fault> {
    let secret = content.trim();
    if secret.is_empty() {
        return Err(Fault::new(format!("{source} is empty"), "put the secret into it"));
    }
    if secret.chars().any(char::is_control) {
        return Err(Fault::new(format!("{source} holds more than one line"), "leave only the secret in it"));
    }
    Ok(SecretString::from(secret))
}

fn open(path: &Path) -> Result<File, Fault> {
    let file = File::open(path).map_err(|error| cannot_read(path, &error))?;
    match file.metadata() {
        Ok(data) if data.is_file() => Ok(file),
        _ => Err(Fault::new(format!("{} is not a file", path.display()), "name a file")),
    }
}

fn cannot_read(path: &Path, error: &std::io::Error) -> Fault {
    let mend = match error.kind() {
        std::io::ErrorKind::NotFound => {
            "name a file that is there; a name without a slash is a systemd credential or lies in secrets/ beside this file"
        }
        std::io::ErrorKind::PermissionDenied => "let the agent read it: chgrp varco and chmod 640",
        _ => "name a readable file of text",
    };
    Fault::new(format!("cannot read {}: {error}", path.display()), mend)
}
