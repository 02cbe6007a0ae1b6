//! The file systems mounted inside an inbox. No event tells that one comes.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

const TABLE: &str = "/proc/self/mountinfo";

/// What is mounted below a folder: the kernel's number of each mount, and where it is. A mount that is made anew has
/// another number, or did not change what can be seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mounts(Vec<(u64, PathBuf)>);

impl Mounts {
    /// Those below `folder`; none if the system does not tell.
    pub(super) fn below(folder: &Path) -> Self {
        let folder = fs::canonicalize(folder).unwrap_or_else(|_| folder.into());
        fs::read(TABLE).map_or_else(|_| Self::default(), |table| Self::listed(&table, &folder))
    }

    fn listed(table: &[u8], folder: &Path) -> Self {
        let below = |(_, point): &(u64, PathBuf)| point != folder && point.starts_with(folder);
        Self(table.split(|byte| *byte == b'\n').filter_map(mount).filter(below).collect())
    }
}

/// See `proc_pid_mountinfo(5)`: number, parent, device, root, mount point, and more.
fn mount(line: &[u8]) -> Option<(u64, PathBuf)> {
    let mut fields = line.split(|byte| *byte == b' ');
    let number = std::str::from_utf8(fields.next()?).ok()?.parse().ok()?;
    Some((number, unescaped(fields.nth(3)?)))
}

/// Blanks and backslashes are written as three octal digits.
fn unescaped(mut field: &[u8]) -> PathBuf {
    let mut plain = Vec::with_capacity(field.len());
    while let Some((first, rest)) = field.split_first() {
        let digits = rest.get(..3).filter(|_| *first == b'\\').and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = digits.and_then(|digits| u8::from_str_radix(digits, 8).ok());
        plain.push(escaped.unwrap_or(*first));
        field = if escaped.is_some() { &rest[3..] } else { rest };
    }
    PathBuf::from(OsString::from_vec(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_below_a_folder_are_found_whatever_they_are_called() {
        let table = b"22 1 0:20 / / rw - ext4 /dev/x rw\n31 22 0:5 / /in rw - tmpfs t rw\n\
            32 31 0:6 /r /in/a\\040b\\134\\012 rw shared:1 - nfs h:/ rw\n33 22 0:7 / /inn rw - tmpfs t rw\nrubbish\n\
            34 31 0:8 / /in/\xff/c rw - tmpfs t rw";
        let expected = [(32, &b"/in/a b\\\n"[..]), (34, b"/in/\xff/c")];
        let expected = expected.map(|(number, path)| (number, PathBuf::from(OsString::from_vec(path.to_vec()))));
        assert_eq!(Mounts::listed(table, Path::new("/in")).0, expected);
        assert_eq!(Mounts::below(Path::new("/no/such/folder")), Mounts::default());
        assert!(!Mounts::below(Path::new("/")).0.is_empty());
    }
}
