//! Whether the store's folder can be written, lies on a local disk and has room.

use std::path::Path;

use rustix::fs::{Access, access, statfs, statvfs};

use super::Finding;
use crate::store;

/// Free space below which an agent should not be started, beside the ballast: a month of a busy club's passages.
const FREE_BYTES_MIN: u64 = 256 << 20;

/// File systems on which SQLite's write-ahead log is not safe, by their magic numbers in statfs(2).
const REMOTE_FILE_SYSTEMS: [(u32, &str); 3] = [(0x6969, "NFS"), (0xFF53_4D42, "CIFS"), (0xFE53_4D42, "SMB2")];

/// Looks at the folder and the file.
pub(super) fn findings(store: &store::Config) -> Vec<Finding> {
    let folder = store.path.parent().filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        let mend = format!("sudo install -d -o varco -g varco -m 750 {}", folder.display());
        return vec![Finding::error(subject(folder), "is not there", mend)];
    }
    [Some(writable(&store.path, folder)), local(folder), Some(room(store, folder))].into_iter().flatten().collect()
}

fn subject(folder: &Path) -> String {
    format!("store folder {}", folder.display())
}

fn writable(file: &Path, folder: &Path) -> Finding {
    let usable = access(folder, Access::WRITE_OK | Access::EXEC_OK);
    let usable =
        usable.and_then(|()| if file.exists() { access(file, Access::READ_OK | Access::WRITE_OK) } else { Ok(()) });
    match usable {
        Ok(()) => Finding::good(subject(folder), "can be written"),
        Err(error) => {
            let mend = format!("let the agent's user own it: sudo chown -R varco:varco {}", folder.display());
            Finding::error(subject(folder), format!("cannot be written: {error}"), mend)
        }
    }
}

fn local(folder: &Path) -> Option<Finding> {
    // The magic numbers have 32 bits; the field's width differs between machines.
    let magic = (statfs(folder).ok()?.f_type as u64 & 0xFFFF_FFFF) as u32;
    let (_, name) = REMOTE_FILE_SYSTEMS.iter().find(|(remote, _)| *remote == magic)?;
    let found = format!("lies on {name}, where SQLite's write-ahead log is not safe");
    Some(Finding::error(subject(folder), found, "write a path on a local disk in store.path"))
}

fn room(store: &store::Config, folder: &Path) -> Finding {
    let subject = format!("free space in {}", folder.display());
    let free = match statvfs(folder) {
        Ok(disk) => disk.f_bavail.saturating_mul(disk.f_frsize),
        Err(error) => return Finding::warning(subject, format!("cannot be told: {error}"), "look at it with df"),
    };
    let wanted = FREE_BYTES_MIN.saturating_add(store.ballast_bytes);
    let found = format!("{} MiB", free >> 20);
    if free >= wanted {
        Finding::good(subject, found)
    } else {
        Finding::warning(subject, found, format!("free some: {} MiB are advised", wanted >> 20))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::check::State;

    fn states(path: &Path) -> Vec<State> {
        let store = store::Config { path: path.into(), keep: store::Retention::default(), ballast_bytes: 0 };
        findings(&store).iter().map(|finding| finding.state).collect()
    }

    #[test]
    fn a_folder_that_is_there_can_be_written_and_one_that_is_not_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(states(&folder.path().join("varco.db"))[0], State::Good);
        assert_eq!(states(&folder.path().join("gone/varco.db")), [State::Error]);
    }
}
