//! Disks that go wrong when a test wants it: full, out of inodes, read-only, over quota. Small file systems, mounted where a
//! folder of an agent is. Where a machine has no such thing, the reason is printed.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// No byte is left.
    Full,
    /// No file can be made.
    Inodes,
    /// Nothing can be written through the folder's path.
    ReadOnly,
    /// The quota is used up.
    Quota,
}

impl Wrong {
    pub(crate) const ALL: [Self; 4] = [Self::Full, Self::Inodes, Self::ReadOnly, Self::Quota];

    /// What the system says of it.
    pub(crate) fn said(self) -> &'static str {
        match self {
            Self::Full | Self::Inodes => "No space left on device",
            Self::ReadOnly => "Read-only file system",
            Self::Quota => "Disk quota exceeded",
        }
    }
}

/// A disk, mounted until dropped.
pub(crate) struct Disk {
    wrong: Wrong,
    at: PathBuf,
}

impl Disk {
    /// Mounts a sound disk at `at` that can go `wrong`; none, with the reason printed, if this machine does not do that.
    pub(crate) fn mount(wrong: Wrong, at: &Path, bytes: usize) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let (size, image, top) = (format!("size={bytes}"), at.with_extension("img"), at.with_extension("top"));
        let done = match wrong {
            Wrong::Full => tried("mount", &["-t", "tmpfs", "-o", &size, "tmpfs"], &[at]),
            Wrong::Inodes => tried("mount", &["-t", "tmpfs", "-o", "nr_inodes=100", "tmpfs"], &[at]),
            Wrong::ReadOnly => tried("mount", &["--bind"], &[at, at]),
            Wrong::Quota => {
                File::create(&image).unwrap().set_len(128 << 20).unwrap();
                fs::create_dir(&top).unwrap();
                tried("mkfs.btrfs", &["-q", "-m", "single"], &[&image])
                    && tried("mount", &["-o", "loop"], &[&image, &top])
                    && tried("btrfs", &["quota", "enable"], &[&top])
                    && tried("btrfs", &["subvolume", "create"], &[&top.join("part")])
                    && tried("mount", &["--bind"], &[&top.join("part"), at])
            }
        };
        done.then(|| Self { wrong, at: at.into() })
    }

    /// From now on it is wrong. Told again, it is so again, if somebody has made room meanwhile.
    pub(crate) fn breaks(&self) {
        match self.wrong {
            Wrong::Full => {
                let mut filler = File::options().create(true).append(true).open(self.at.join(".filler")).unwrap();
                [4096, 1].iter().for_each(|bytes| while filler.write_all(&vec![0; *bytes]).is_ok() {});
            }
            Wrong::Inodes => {
                let names = (0..).map(|number| self.at.join(format!(".filler{number}")));
                names.map(File::create).take_while(Result::is_ok).for_each(drop);
            }
            // Over itself: those that have files open there would keep it from becoming read-only.
            Wrong::ReadOnly if !self.is_read_only() => {
                assert!(tried("mount", &["--bind"], &[&self.at, &self.at]));
                assert!(tried("mount", &["-o", "remount,ro,bind"], &[&self.at]));
            }
            Wrong::ReadOnly => {}
            Wrong::Quota => self.limit("16k"),
        }
    }

    /// It is sound again.
    pub(crate) fn heals(&self) {
        match self.wrong {
            Wrong::Full | Wrong::Inodes => {
                let names = fs::read_dir(&self.at).unwrap().map(|entry| entry.unwrap().path());
                let fillers = names.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with(".filler"));
                fillers.for_each(|path| fs::remove_file(path).unwrap());
            }
            Wrong::ReadOnly => assert!(tried("umount", &["--lazy"], &[&self.at])),
            Wrong::Quota => self.limit("none"),
        }
    }

    /// The first part of a file system has this number. To change its limit needs room outside of it.
    fn limit(&self, bytes: &str) {
        assert!(tried("btrfs", &["qgroup", "limit", bytes, "0/256"], &[&self.at.with_extension("top")]));
    }

    fn is_read_only(&self) -> bool {
        rustix::fs::access(&self.at, rustix::fs::Access::WRITE_OK).is_err()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.wrong == Wrong::ReadOnly && self.is_read_only() {
            self.heals();
        }
        tried("umount", &["--lazy"], &[&self.at]);
        if self.wrong == Wrong::Quota {
            tried("umount", &["--lazy"], &[&self.at.with_extension("top")]);
        }
    }
}

fn tried(program: &str, arguments: &[&str], paths: &[&Path]) -> bool {
    let ran = Command::new(program).args(arguments).args(paths).output();
    let why = match &ran {
        Ok(output) if output.status.success() => return true,
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(error) => error.to_string(),
    };
    eprintln!("not to be had here: {program} {arguments:?}: {}", why.trim());
    false
}
