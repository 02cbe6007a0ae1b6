//! Users by name, for hints that can be copied.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The user that this process acts as.
pub(super) fn me() -> String {
    name_of(rustix::process::geteuid().as_raw())
}

/// The owner of `path`, or of the nearest folder above it that can be looked at.
pub(super) fn owner_of(path: &Path) -> Option<String> {
    path.ancestors().find_map(|path| fs::metadata(path).ok()).map(|found| name_of(found.uid()))
}

/// The owner of `theirs`, if that is somebody else than this process acts as, and the permissions of `file` keep them from
/// reading it. Nothing is said where there are access control lists, nor of further groups that they may be in.
pub(super) fn kept_out(theirs: &Path, file: &File) -> Option<String> {
    let (user, found) = (fs::metadata(theirs).ok()?, file.metadata().ok()?);
    let everything = [0, rustix::process::geteuid().as_raw()].contains(&user.uid());
    if everything || rustix::fs::fgetxattr(file, "system.posix_acl_access", &mut [0_u8; 0][..]).is_ok() {
        return None;
    }
    let bit = if found.uid() == user.uid() {
        0o400
    } else if found.gid() == user.gid() {
        0o040
    } else {
        0o004
    };
    (found.mode() & bit == 0).then(|| name_of(user.uid()))
}

/// As sudo takes it: a number where no name is known.
fn name_of(uid: u32) -> String {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    named(&users, uid).map_or_else(|| format!("#{uid}"), str::to_owned)
}

fn named(users: &str, uid: u32) -> Option<&str> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_the_name_of_the_table_or_its_number() {
        let users = "root:x:0:0:root:/root:/bin/sh\nnonsense\nh5inbox:x:998:998::/srv:/usr/sbin/nologin\n";
        assert_eq!((named(users, 998), named(users, 0), named(users, 7)), (Some("h5inbox"), Some("root"), None));
        assert_eq!(name_of(u32::MAX - 7), format!("#{}", u32::MAX - 7));
    }
}
