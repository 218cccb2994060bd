//! A small disk that can be filled and freed: a tmpfs of its own, which needs the right to mount.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use tempfile::TempDir;

/// A mounted disk; it goes with this value.
#[derive(Debug)]
pub struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    /// Mounts a disk of this size. Fails without the right to mount, which root has and a container may not.
    pub fn mount(bytes: u64) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let options = format!("size={bytes}");
        mount(Some("varco-test"), folder.path(), Some("tmpfs"), MsFlags::empty(), Some(options.as_str()))
            .with_context(|| format!("mounting a tmpfs of {bytes} bytes"))?;
        Ok(Self { folder })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Fills it to the last byte.
    pub fn fill(&self) -> Result<()> {
        let mut filler = File::options().create(true).append(true).open(self.filler())?;
        // Large pieces first, then single bytes: a page that is half used would otherwise stay free.
        for piece in [&[0; 65_536][..], &[0; 512], &[0; 1]] {
            loop {
                match filler.write(piece) {
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => return Err(error).context("filling the disk"),
                }
            }
        }
        Ok(())
    }

    /// Gives the space back.
    pub fn free(&self) -> Result<()> {
        fs::remove_file(self.filler()).context("freeing the disk")
    }

    fn filler(&self) -> PathBuf {
        self.path().join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: an agent that is being killed may still hold the store open.
        let _ = umount2(self.folder.path(), MntFlags::MNT_DETACH);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_refuses_writes_until_it_is_freed() -> Result<()> {
        let disk = match SmallDisk::mount(1 << 20) {
            Ok(disk) => disk,
            // Without the right to mount there is nothing to test here; root in CI has it.
            Err(_) if !nix::unistd::geteuid().is_root() => return Ok(()),
            Err(error) => return Err(error),
        };
        let file = disk.path().join("row");
        disk.fill()?;
        let full = fs::write(&file, "x").expect_err("no byte is left");
        assert_eq!(full.kind(), ErrorKind::StorageFull);
        disk.free()?;
        fs::write(&file, "x")?;
        let path = disk.path().to_owned();
        drop(disk);
        assert!(!path.join("row").exists());
        Ok(())
    }
}
