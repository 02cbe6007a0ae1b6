//! The file systems that the folders are on, and what that means for them.

use std::fs;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, StatxFlags, statfs, statx};

use super::findings::Findings;
use super::folders::Folder;
use crate::config::{After, Config, Watch};
use crate::intake::network_kind;
use crate::ledger::SqliteLedger;
use crate::source::Shown;

/// `f_type` of `statfs(2)` of those that end with the machine.
const IN_MEMORY: [u64; 2] = [0x0102_1994, 0x8584_58f6];

/// What the unit that is shipped lets the agent write to.
const ITS_PLACES: [&str; 3] = ["/srv/h5inbox", "/var/lib/h5inbox", "/run/h5inbox"];

/// What it hides.
const TEMPORARY: [&str; 2] = ["/tmp", "/var/tmp"];
const HOMES: [&str; 3] = ["/home", "/root", "/run/user"];

/// Looks at all of them.
pub(super) fn check(config: &Config, folders: &[Folder], found: &mut Findings) {
    inbox(config, folders, found);
    outputs(config, folders, found);
    ledger(config, folders, found);
    moves(config, folders, found);
    sandbox(folders, found);
}

fn existing<'f>(folders: &'f [Folder], key: &str) -> Option<&'f Path> {
    folders.iter().find(|folder| folder.key == key).map(|folder| folder.existing.as_path())
}

fn inbox(config: &Config, folders: &[Folder], found: &mut Findings) {
    let kind = existing(folders, "inbox.path").and_then(|path| network_kind(path).ok().flatten());
    let (Some(kind), seconds) = (kind, config.inbox.scan_interval_secs) else { return };
    let listed =
        format!("files are found by a listing every {seconds} s (`inbox.scan_interval_secs`), and settle for 10 s");
    if config.inbox.watch == Watch::Native {
        let what = "set `inbox.watch = \"auto\"`: no events tell of what other machines write";
        found.warning(format!("inbox.watch: the inbox is on {kind}; {what}, {listed}"));
    } else {
        found.note(format!("inbox.path: is on {kind}, where no events arrive: {listed}"));
    }
}

fn outputs(config: &Config, folders: &[Folder], found: &mut Findings) {
    if config.output.durable && existing(folders, "output.path").is_some_and(is_in_memory) {
        let what = "is in memory (tmpfs), and ends with the machine whatever `output.durable` says; choose a disk";
        found.warning(format!("output.path: {} {what}", Shown(&config.output.path)));
    }
    if !config.output.durable && config.source.after == After::Delete {
        found.warning(
            "output.durable: is false, and sources are deleted: a power cut may lose both; set it to true, or archive the \
             sources",
        );
    }
}

fn ledger(config: &Config, folders: &[Folder], found: &mut Findings) {
    let (Some(folder), Some(path)) = (existing(folders, "ledger.url"), config.ledger.file()) else { return };
    if let Some(kind) = SqliteLedger::refuses(folder) {
        let what = format!("is on {kind}, where locks are not reliable, and is refused; choose a local disk");
        found.error(format!("ledger.url: {} {what}", Shown(&path)));
    }
    if is_in_memory(folder) {
        let what = "is in memory (tmpfs): after the next start of the machine it is gone, and the agent refuses the outbox; \
                    choose a disk";
        found.warning(format!("ledger.url: {} {what}", Shown(&path)));
    }
}

fn is_in_memory(path: &Path) -> bool {
    statfs(path)
        .is_ok_and(|system| u64::try_from(system.f_type).is_ok_and(|kind| IN_MEMORY.contains(&(kind & 0xffff_ffff))))
}

/// Within one mount a source is moved by a rename, else it is copied.
fn moves(config: &Config, folders: &[Folder], found: &mut Findings) {
    if config.source.after == After::Keep {
        return;
    }
    let mount = |key: &str| existing(folders, key).and_then(mount_of);
    for (key, whom) in [("source.archive", "each source"), ("source.quarantine", "what cannot be converted")] {
        if let (Some(from), Some(to)) = (mount("inbox.path"), mount(key))
            && from != to
        {
            let what = format!("is not on the mount of the inbox, so that {whom} is copied, synced and compared");
            let todo = "put both below one folder of one file system (under systemd one entry in ReadWritePaths=)";
            found.warning(format!("{key}: {what}; {todo}"));
        }
    }
}

/// The kernel's number of the mount: two of one file system count as two.
fn mount_of(path: &Path) -> Option<u64> {
    let status = statx(CWD, path, AtFlags::empty(), StatxFlags::MNT_ID).ok()?;
    (status.stx_mask & StatxFlags::MNT_ID.bits() != 0).then_some(status.stx_mnt_id)
}

/// What the unit hides, and what it protects.
fn sandbox(folders: &[Folder], found: &mut Findings) {
    let below = |path: &Path, roots: &[&str]| roots.iter().any(|root| path.starts_with(root));
    let keys = |is: &dyn Fn(&Path) -> bool| {
        let keys: Vec<&str> = folders.iter().filter(|folder| is(&folder.path)).map(|folder| folder.key).collect();
        (!keys.is_empty()).then(|| keys.join(", "))
    };
    if let Some(keys) = keys(&|path| below(path, &TEMPORARY)) {
        let what = "below /tmp or /var/tmp, which the unit's PrivateTmp=yes hides";
        // There no file of anybody else would ever be seen.
        let tell = if has_its_own_tmp() { Findings::error } else { Findings::warning };
        tell(found, format!("{keys}: {what}; choose another path, as /srv/h5inbox"));
    }
    if let Some(keys) = keys(&|path| below(path, &HOMES)) {
        let what = "below /home, /root or /run/user, which the unit's ProtectHome=yes hides";
        let todo = "choose another path, as /srv/h5inbox, or set ProtectHome=no (`systemctl edit h5inbox`)";
        found.warning(format!("{keys}: {what}; {todo}"));
    }
    if let Some(keys) = keys(&|path| [&TEMPORARY[..], &HOMES, &ITS_PLACES].iter().all(|roots| !below(path, roots))) {
        let what = "elsewhere than the unit may write to; name the common parent of all folders in ReadWritePaths= and \
                    RequiresMountsFor= (`systemctl edit h5inbox`)";
        found.note(format!("{keys}: {what}"));
    }
}

/// Whether systemd has given this process a `/tmp` of its own.
fn has_its_own_tmp() -> bool {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let is_private = |mount: &str| {
        let mut fields = mount.split(' ').skip(3);
        fields.next().is_some_and(|root| root.contains("/systemd-private-")) && fields.next() == Some("/tmp")
    };
    mounts.lines().any(is_private)
}
