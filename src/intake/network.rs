//! File systems on which other machines write unseen: no event tells of their writes and no lease knows their writers.

use std::fs::File;
use std::io;
use std::path::Path;

use rustix::fs::StatFs;

/// `f_type` of `statfs(2)`, lower 32 bits, and the name people know.
const NETWORK_KINDS: &[(u32, &str)] = &[
    (0x0000_6969, "NFS"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB2"),
    (0x0000_517b, "SMB"),
    (0x0102_1997, "9p"),
    (FUSE, "FUSE"),
    (0x786f_4256, "vboxsf"),
    (0xbacb_acbc, "vmhgfs"),
    (0x4750_4653, "GPFS"),
    (0x0bd0_0bd0, "Lustre"),
    (0x00c3_6400, "Ceph"),
    (0x5346_414f, "AFS"),
    (0x7461_636f, "OCFS2"),
    (0x0116_1970, "GFS2"),
    (0x1983_0326, "BeeGFS"),
];

const FUSE: u32 = 0x6573_5546;

/// How far the kernel of this machine knows who writes to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// All writers are processes of this machine.
    All,
    /// Writers of this machine are known, others may exist (FUSE: the kernel cannot tell what is behind it).
    OwnOnly,
    /// Not even refusals can be trusted: NFS 4 and CIFS refuse a lease because the server granted nothing.
    None,
}

/// The name of the network file system that `path` is on; `None` on a local one. On a network file system there are no
/// events to wait for: poll.
pub fn network_kind(path: &Path) -> io::Result<Option<&'static str>> {
    Ok(name_of(magic(&rustix::fs::statfs(path)?)))
}

pub(super) fn sight(file: &File) -> Sight {
    let Ok(stat) = rustix::fs::fstatfs(file) else { return Sight::None };
    match magic(&stat) {
        FUSE => Sight::OwnOnly,
        other if name_of(other).is_some() => Sight::None,
        _ => Sight::All,
    }
}

fn magic(stat: &StatFs) -> u32 {
    u32::try_from(stat.f_type & 0xffff_ffff).unwrap_or(0)
}

fn name_of(magic: u32) -> Option<&'static str> {
    NETWORK_KINDS.iter().find(|(known, _)| *known == magic).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_folders_are_local_and_network_kinds_are_named() {
        assert_eq!(network_kind(Path::new("/proc")).unwrap(), None);
        assert_eq!(name_of(0x6969), Some("NFS"));
        assert!(network_kind(Path::new("/no/such/folder")).is_err());
    }
}
