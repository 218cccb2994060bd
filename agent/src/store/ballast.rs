//! The ballast: a file of reserved bytes that is given up when the disk is full, so that gates go on recording.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rustix::fs::FallocateFlags;

use super::open::{folder_of, private_file};

/// Free space wanted before the ballast is taken again, in ballasts: with less, the disk would be full at once and
/// the state would flap.
const FREE_BALLASTS_MIN: u64 = 2;
/// Bytes written at a time on file systems that cannot reserve space.
const ZEROS_BYTES: usize = 64 * 1024;

/// A file next to the store.
pub(super) struct Ballast {
    path: PathBuf,
    bytes: u64,
}

impl Ballast {
    /// The ballast of the store at `store`, `bytes` long; not taken yet. Zero bytes: no ballast, and whose
    /// file lies there is left alone.
    pub(super) fn beside(store: &Path, bytes: u64) -> Self {
        let mut path = store.as_os_str().to_owned();
        path.push(".ballast");
        Self { path: path.into(), bytes }
    }

    /// Gives the space up. False: there was none to give.
    pub(super) fn release(&self) -> bool {
        self.bytes > 0 && fs::remove_file(&self.path).is_ok()
    }

    /// Takes the space if it is not taken.
    ///
    /// # Errors
    /// When the disk has too little of it, or the file cannot be written.
    pub(super) fn take(&self) -> io::Result<()> {
        if self.bytes == 0 || self.is_held() {
            return Ok(());
        }
        let taken = self.reserve();
        if taken.is_err() {
            self.release();
        }
        taken
    }

    /// Takes the space again after it was given up, once there is plenty.
    ///
    /// # Errors
    /// When there is not.
    pub(super) fn take_again(&self) -> io::Result<()> {
        let disk = rustix::fs::statvfs(folder_of(&self.path))?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        if !self.is_held() && free < self.bytes.saturating_mul(FREE_BALLASTS_MIN) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.take()
    }

    fn is_held(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|file| file.len() == self.bytes)
    }

    fn reserve(&self) -> io::Result<()> {
        let mut file = private_file(&self.path)?;
        file.set_len(0)?;
        match rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, self.bytes) {
            Err(rustix::io::Errno::OPNOTSUPP) => write_zeros(&mut file, self.bytes)?,
            reserved => reserved?,
        }
        file.sync_all()
    }
}

fn write_zeros(file: &mut File, bytes: u64) -> io::Result<()> {
    let zeros = [0; ZEROS_BYTES];
    let mut left = bytes;
    while left > 0 {
        let some = usize::try_from(left).unwrap_or(ZEROS_BYTES).min(ZEROS_BYTES);
        file.write_all(&zeros[..some])?;
        left -= some as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ballast_takes_its_space_gives_it_up_and_takes_it_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = folder.path().join("varco.db");
        let ballast = Ballast::beside(&store, 300_000);
        ballast.take().expect("space");
        assert_eq!(fs::metadata(folder.path().join("varco.db.ballast")).expect("a file").len(), 300_000);
        assert!(ballast.release());
        assert!(!ballast.release(), "it can be given up once");
        ballast.take_again().expect("space again");
        assert!(ballast.is_held());
    }

    #[test]
    fn a_disk_without_that_much_space_leaves_no_half_a_ballast() {
        let folder = tempfile::tempdir().expect("a folder");
        let ballast = Ballast::beside(&folder.path().join("varco.db"), 1 << 60);
        assert!(ballast.take().is_err());
        assert!(ballast.take_again().is_err());
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
    }
}
