//! One agent at a store: a lock beside it, which the kernel takes back when its holder ends, however it ends.

use std::fs::{self, File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::error::StoreError;
use super::open::{private_file, refused};

/// Digits of a process id that are read from the lock: more are none.
const PID_BYTES_MAX: u64 = 20;

/// The right to be the only agent at a store, until this is dropped or the process ends.
///
/// Two agents would each take the rows that the other is sending for left over by a crash, and send them again. Commands
/// that work beside an agent need no such right.
#[derive(Debug)]
pub struct SoleAgent {
    _locked: File,
}

impl SoleAgent {
    /// Claims the store at `store`, which need not be there yet.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when another agent has it, [`StoreError::Unusable`] when the lock cannot be made.
    pub fn claim(store: &Path) -> Result<Self, StoreError> {
        let path = beside(store);
        let mut file = private_file(&path).map_err(|why| refused(&path, &why))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::Taken { path: store.to_owned(), pid: pid(&file) }),
            Err(TryLockError::Error(why)) => return Err(refused(&path, &why)),
        }
        // For people who look for the holder; the lock holds without it, and the disk may be full.
        let _unsigned =
            file.rewind().and_then(|()| file.set_len(0)).and_then(|()| write!(file, "{}", std::process::id()));
        Ok(Self { _locked: file })
    }

    /// The process id of the agent that runs at the store at `store`, as far as it can be told without touching the lock.
    #[must_use]
    pub fn running(store: &Path) -> Option<u32> {
        let pid = pid(&File::open(beside(store)).ok()?)?;
        let name = |pid: &str| fs::read_to_string(format!("/proc/{pid}/comm")).ok();
        // The number of an agent that was killed may be another program's by now.
        name(&pid.to_string()).filter(|running| Some(running) == name("self").as_ref()).map(|_| pid)
    }
}

/// Two names of one store have one lock.
fn beside(store: &Path) -> PathBuf {
    let mut path = fs::canonicalize(store).unwrap_or_else(|_| store.to_owned()).into_os_string();
    path.push(".lock");
    path.into()
}

fn pid(file: &File) -> Option<u32> {
    let mut digits = String::new();
    file.take(PID_BYTES_MAX).read_to_string(&mut digits).ok()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_has_one_agent_at_a_time_by_whatever_name_it_is_called() {
        let folder = tempfile::tempdir().expect("a folder");
        let (store, link) = (folder.path().join("varco.db"), folder.path().join("link.db"));
        fs::write(&store, "").expect("written");
        std::os::unix::fs::symlink(&store, &link).expect("linked");
        let first = SoleAgent::claim(&store).expect("nobody has it");
        for name in [&store, &link] {
            let refused = SoleAgent::claim(name).expect_err("the first has it");
            assert!(
                matches!(refused, StoreError::Taken { pid: Some(pid), .. } if pid == std::process::id()),
                "{refused}"
            );
        }
        SoleAgent::claim(&folder.path().join("other.db")).expect("another store");
        assert_eq!(SoleAgent::running(&store), Some(std::process::id()));
        drop(first);
        SoleAgent::claim(&link).expect("it was given back");
    }

    #[test]
    fn a_number_left_by_an_agent_that_was_killed_is_believed_only_of_an_agent() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = folder.path().join("varco.db");
        assert_eq!(SoleAgent::running(&store), None);
        for left in ["1", "4194305", "", "king", "-1"] {
            fs::write(beside(&store), left).expect("written");
            assert_eq!(SoleAgent::running(&store), None, "{left:?}");
        }
    }
}
