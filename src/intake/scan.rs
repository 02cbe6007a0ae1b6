//! Lists the inbox. Events may be late, lost or never sent; what the listing shows is the truth.
//!
//! Entries are handed on one by one, so a million of them cost no memory, and every step goes through folder
//! descriptors: no link is followed and no path leads out of the inbox, whatever is renamed meanwhile. Other file
//! systems mounted in the inbox are entered.

use std::ffi::{CStr, OsStr};
use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, DirEntry, FileType, Mode, OFlags, Statx, StatxFlags, StatxTimestamp};
use rustix::io::Errno;

use super::filter::NameFilter;
use crate::source::{Identity, Shown, kind_name, open_at};

/// One thing a scan came across; paths are relative to the inbox.
#[derive(Debug)]
pub enum Found<'a> {
    /// A regular file whose name is wanted, and which version of it.
    Source(&'a Path, Identity),
    /// A name that only a marker or a manifest has.
    Sign(&'a Path),
    /// A wanted name that is no regular file, and what it is.
    Other(&'a Path, &'static str),
    /// A file or folder that could not be examined.
    Unreadable(&'a Path, io::Error),
}

/// What a scan that came to its end has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScanSummary {
    /// Regular files with wanted names.
    pub sources: u64,
    /// Wanted names that are no regular files.
    pub others: u64,
    /// Entries whose names are not wanted.
    pub ignored: u64,
    /// Folders listed, the inbox included.
    pub folders: u64,
    /// Files and folders that we may not read, or that lie so deep that no path leads there.
    pub refused: u64,
    /// Files and folders that could not be examined for any other reason.
    pub faults: u64,
    /// The caller ended the scan early.
    pub stopped: bool,
}

impl ScanSummary {
    /// Whether a file that was not reported may be taken for gone: nothing stood in the way that passes by itself.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.faults == 0 && !self.stopped
    }
}

/// Why the inbox itself could not be listed. A file that was not reported may well be there.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// The listing could not begin.
    #[error("cannot list the inbox {}: {source}", Shown(.inbox))]
    Open {
        /// The inbox.
        inbox: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The listing broke off.
    #[error("the listing of the inbox {} broke off: {source}; files not yet listed are not taken for gone", Shown(.inbox))]
    Cut {
        /// The inbox.
        inbox: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Lists `inbox`, its sub-folders too if `recursive`, and hands what `filter` wants to `each`, which may end the scan.
pub fn scan(
    inbox: &Path,
    recursive: bool,
    filter: &NameFilter,
    each: &mut dyn FnMut(Found<'_>) -> ControlFlow<()>,
) -> Result<ScanSummary, ScanError> {
    let root = open_root(inbox).map_err(|e| ScanError::Open { inbox: inbox.to_owned(), source: e.into() })?;
    let mut scanner = Scanner {
        recursive,
        filter,
        each,
        relative: PathBuf::new(),
        pending: Vec::new(),
        summary: ScanSummary::default(),
    };
    let listed = scanner.inbox(&root).map_err(|e| ScanError::Cut { inbox: inbox.to_owned(), source: e.into() })?;
    scanner.summary.stopped = listed.is_break();
    Ok(scanner.summary)
}

struct Scanner<'a> {
    recursive: bool,
    filter: &'a NameFilter,
    each: &'a mut dyn FnMut(Found<'_>) -> ControlFlow<()>,
    /// The entry being examined; one buffer for all of them.
    relative: PathBuf,
    /// Folders still to be listed. Each is opened from the inbox when its turn comes: one descriptor at a time, however
    /// deep somebody nests.
    pending: Vec<PathBuf>,
    summary: ScanSummary,
}

impl Scanner<'_> {
    fn inbox(&mut self, root: &OwnedFd) -> Result<ControlFlow<()>, Errno> {
        let mut flow = self.folder(Dir::read_from(root)?)?;
        while let Some(folder) = self.pending.pop() {
            if flow.is_break() {
                break;
            }
            flow = self.sub_folder(root.as_fd(), folder);
        }
        Ok(flow)
    }

    fn sub_folder(&mut self, root: BorrowedFd<'_>, folder: PathBuf) -> ControlFlow<()> {
        self.relative = folder;
        let listed = open_folder(root, &self.relative).and_then(Dir::new).and_then(|dir| self.folder(dir));
        match listed {
            Ok(flow) => flow,
            // Removed, or replaced by a file or a link, since its parent was listed.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => ControlFlow::Continue(()),
            Err(error) => self.unreadable(error),
        }
    }

    fn folder(&mut self, mut dir: Dir) -> Result<ControlFlow<()>, Errno> {
        self.summary.folders += 1;
        while let Some(entry) = dir.read() {
            let entry = entry?;
            let name = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            let opened = dir.fd()?;
            self.relative.push(OsStr::from_bytes(name.to_bytes()));
            let flow = self.entry(opened, &entry);
            self.relative.pop();
            if flow.is_break() {
                return Ok(flow);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn entry(&mut self, folder: BorrowedFd<'_>, entry: &DirEntry) -> ControlFlow<()> {
        let wanted = self.filter.wants(&self.relative);
        if !wanted && !self.may_enter(entry.file_type()) {
            self.summary.ignored += 1;
            let sign = self.filter.is_sign(&self.relative);
            return if sign { (self.each)(Found::Sign(&self.relative)) } else { ControlFlow::Continue(()) };
        }
        match status(folder, entry.file_name()) {
            Ok(status) => self.examined(&status, wanted),
            Err(Errno::NOENT) => ControlFlow::Continue(()),
            Err(error) => self.unreadable(error),
        }
    }

    fn may_enter(&self, kind: FileType) -> bool {
        let folder = matches!(kind, FileType::Directory | FileType::Unknown);
        self.recursive && folder && self.filter.enters(&self.relative)
    }

    fn examined(&mut self, status: &Statx, wanted: bool) -> ControlFlow<()> {
        let mode = u32::from(status.stx_mode);
        if self.recursive && FileType::from_raw_mode(mode) == FileType::Directory {
            self.pending.push(self.relative.clone());
            return ControlFlow::Continue(());
        }
        match kind_name(mode) {
            _ if !wanted => {
                self.summary.ignored += 1;
                ControlFlow::Continue(())
            }
            None => {
                self.summary.sources += 1;
                (self.each)(Found::Source(&self.relative, identity(status)))
            }
            Some(kind) => {
                self.summary.others += 1;
                (self.each)(Found::Other(&self.relative, kind))
            }
        }
    }

    fn unreadable(&mut self, error: Errno) -> ControlFlow<()> {
        match error {
            Errno::ACCESS | Errno::PERM | Errno::NAMETOOLONG => self.summary.refused += 1,
            _ => self.summary.faults += 1,
        }
        (self.each)(Found::Unreadable(&self.relative, error.into()))
    }
}

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

fn open_root(inbox: &Path) -> Result<OwnedFd, Errno> {
    rustix::fs::openat(CWD, inbox, FOLDER, Mode::empty())
}

fn open_folder(root: BorrowedFd<'_>, relative: &Path) -> Result<OwnedFd, Errno> {
    open_at(root, relative, FOLDER)
}

fn status(folder: BorrowedFd<'_>, name: &CStr) -> Result<Statx, Errno> {
    rustix::fs::statx(folder, name, AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT, StatxFlags::BASIC_STATS)
}

/// The same identity that `fstat` on the opened file gives.
fn identity(status: &Statx) -> Identity {
    Identity {
        device: rustix::fs::makedev(status.stx_dev_major, status.stx_dev_minor),
        inode: status.stx_ino,
        size: status.stx_size,
        mtime_ns: nanoseconds(status.stx_mtime),
        ctime_ns: nanoseconds(status.stx_ctime),
    }
}

fn nanoseconds(time: StatxTimestamp) -> i64 {
    time.tv_sec.saturating_mul(1_000_000_000).saturating_add(i64::from(time.tv_nsec))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use super::*;

    fn json() -> NameFilter {
        NameFilter::new(&["*.json".to_owned()], &[]).unwrap()
    }

    /// Every report of a scan by name; sources as `file`.
    fn reports(inbox: &Path, recursive: bool) -> (BTreeMap<Vec<u8>, String>, ScanSummary) {
        let mut reports = BTreeMap::new();
        let summary = scan(inbox, recursive, &json(), &mut |found| {
            let (path, report) = match found {
                Found::Source(path, _) => (path, "file".to_owned()),
                Found::Sign(path) => (path, "sign".to_owned()),
                Found::Other(path, kind) => (path, kind.to_owned()),
                Found::Unreadable(path, error) => (path, error.to_string()),
            };
            assert!(reports.insert(path.as_os_str().as_bytes().to_owned(), report).is_none());
            ControlFlow::Continue(())
        })
        .unwrap();
        (reports, summary)
    }

    #[test]
    fn markers_and_manifests_are_told_of_and_count_as_no_sources() {
        let inbox = tempfile::tempdir().unwrap();
        for name in ["a.json", "a.json.done", "SUMS", "b.txt.done"] {
            fs::write(inbox.path().join(name), b"").unwrap();
        }
        let filter = json().with_signs(".done", &["SUMS".to_owned()]).unwrap();
        let (mut signs, mut sources) = (Vec::new(), 0);
        let summary = scan(inbox.path(), false, &filter, &mut |found| {
            match found {
                Found::Sign(path) => signs.push(path.to_owned()),
                Found::Source(..) => sources += 1,
                other => panic!("{other:?}"),
            }
            ControlFlow::Continue(())
        });
        signs.sort();
        assert_eq!((signs, sources), (vec![PathBuf::from("SUMS"), PathBuf::from("a.json.done")], 1));
        assert_eq!(summary.unwrap().ignored, 3);
    }

    fn pipe(path: &Path) {
        rustix::fs::mknodat(CWD, path, FileType::Fifo, Mode::RUSR, 0).unwrap();
    }

    #[test]
    fn only_regular_files_are_sources_and_the_rest_is_named() {
        let inbox = tempfile::tempdir().unwrap();
        let at = |name: &[u8]| inbox.path().join(OsStr::from_bytes(name));
        for name in [&b"a.json"[..], b"new\nline.json", b"\xff.json", b"a.csv", b".a.json", b"a.json.tmp"] {
            fs::write(at(name), b"{}").unwrap();
        }
        std::os::unix::fs::symlink("/etc/passwd", at(b"link.json")).unwrap();
        pipe(&at(b"pipe.json"));
        fs::create_dir(at(b"dir.json")).unwrap();
        fs::write(at(b"dir.json/inner.json"), b"{}").unwrap();
        let (seen, summary) = reports(inbox.path(), false);
        let expected = [
            (&b"a.json"[..], "file"),
            (b"dir.json", "directory"),
            (b"link.json", "symbolic link"),
            (b"new\nline.json", "file"),
            (b"pipe.json", "named pipe"),
            (b"\xff.json", "file"),
        ];
        assert_eq!(seen, expected.map(|(name, kind)| (name.to_owned(), kind.to_owned())).into());
        assert_eq!(summary, ScanSummary { sources: 3, others: 3, ignored: 3, folders: 1, ..ScanSummary::default() });
    }

    #[test]
    fn sub_folders_are_entered_but_hidden_ones_and_links_are_not() {
        let (inbox, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(outside.path().join("secret.json"), b"{}").unwrap();
        for folder in ["x/y", ".hidden"] {
            fs::create_dir_all(inbox.path().join(folder)).unwrap();
            fs::write(inbox.path().join(folder).join("a.json"), b"{}").unwrap();
        }
        std::os::unix::fs::symlink(outside.path(), inbox.path().join("x/out")).unwrap();
        let (seen, summary) = reports(inbox.path(), true);
        assert_eq!(seen.into_keys().collect::<Vec<_>>(), [b"x/y/a.json"]);
        assert_eq!((summary.sources, summary.folders), (1, 3));
    }

    #[test]
    fn the_identity_is_the_one_that_opening_the_file_tells() {
        let inbox = tempfile::tempdir().unwrap();
        fs::write(inbox.path().join("a.json"), b"{}").unwrap();
        let mut listed = None;
        let _ = scan(inbox.path(), false, &json(), &mut |found| {
            if let Found::Source(_, identity) = found {
                listed = Some(identity);
            }
            ControlFlow::Continue(())
        });
        let (_, opened) = crate::source::open_beneath(inbox.path(), Path::new("a.json")).unwrap();
        assert_eq!(listed, Some(opened));
    }

    #[test]
    fn folders_deeper_than_any_path_are_reported_and_stop_nothing() {
        let inbox = tempfile::tempdir().unwrap();
        let mut folder = open_root(inbox.path()).unwrap();
        let name = "d".repeat(250);
        for _ in 0..20 {
            rustix::fs::mkdirat(&folder, &name, Mode::RWXU).unwrap();
            folder = rustix::fs::openat(&folder, &name, FOLDER, Mode::empty()).unwrap();
        }
        fs::write(inbox.path().join("a.json"), b"{}").unwrap();
        let (seen, summary) = reports(inbox.path(), true);
        assert_eq!((summary.sources, summary.refused, seen.len()), (1, 1, 2));
        assert!(summary.is_complete());
    }

    #[test]
    fn an_early_end_and_a_missing_inbox_are_not_an_empty_inbox() {
        let inbox = tempfile::tempdir().unwrap();
        fs::write(inbox.path().join("a.json"), b"{}").unwrap();
        let summary = scan(inbox.path(), false, &json(), &mut |_| ControlFlow::Break(())).unwrap();
        assert!(summary.stopped && !summary.is_complete());
        let missing = scan(&inbox.path().join("no"), false, &json(), &mut |_| ControlFlow::Continue(()));
        assert!(matches!(missing, Err(ScanError::Open { .. })));
    }
}
