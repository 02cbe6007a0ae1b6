//! The manifests in the inbox, each read once a version, and what they say of a source.
//!
//! A manifest speaks of the files in its own folder. What is remembered is what lies in the inbox: a source that is
//! asked for before anything was listed has its folder listed for it, so that a restart needs no memory.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::{Dir, OFlags};

use super::filter::NameFilter;
use super::manifest::{Sum, entries};
use crate::source::{Identity, OpenError, open_at, open_beneath, stat_beneath};

/// Bytes of the longest manifest that is read: some 200,000 files. Longer ones say nothing.
const LONGEST: u64 = 16 << 20;

/// All manifests of an inbox. Shared by whoever decides and by the workers.
#[derive(Debug)]
pub struct Manifests {
    inbox: PathBuf,
    filter: Arc<NameFilter>,
    folders: Mutex<HashMap<PathBuf, Folder>>,
}

#[derive(Debug, Default)]
struct Folder {
    listed: bool,
    manifests: HashMap<OsString, Manifest>,
    /// By the name of a source: which manifest says what.
    sums: HashMap<OsString, Vec<(OsString, Sum)>>,
}

#[derive(Debug)]
struct Manifest {
    identity: Identity,
    names: Vec<OsString>,
    /// Since the last complete listing of the inbox.
    seen: bool,
}

impl Manifests {
    /// The manifests in `inbox` that `filter` knows by their names; none is read yet.
    #[must_use]
    pub fn new(inbox: &Path, filter: Arc<NameFilter>) -> Self {
        Self { inbox: inbox.to_owned(), filter, folders: Mutex::default() }
    }

    /// What manifests say that `source` (relative to the inbox) is to have; nothing if none names it. If several do, or
    /// one does several times, any of them may be right: each is what somebody has declared complete.
    pub fn sums_of(&self, source: &Path) -> io::Result<Vec<Sum>> {
        let (within, Some(name)) = (folder_of(source), source.file_name()) else { return Ok(Vec::new()) };
        let mut folders = self.lock();
        let folder = folders.entry(within.to_owned()).or_default();
        if !folder.listed {
            self.list(within, folder)?;
        }
        for manifest in folder.speakers(name) {
            // Another version of it may have come unheard.
            let path = within.join(&manifest);
            if stat_beneath(&self.inbox, &path).ok() != folder.manifests.get(&manifest).map(|read| read.identity) {
                folder.renew(&self.inbox, &path)?;
            }
        }
        Ok(folder.sums.get(name).into_iter().flatten().map(|(_, sum)| *sum).collect())
    }

    /// Something is known of the manifest at `path`: reads it if it is another version than the one remembered, and
    /// tells which sources it now speaks of.
    pub fn renew(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        let (within, Some(name)) = (folder_of(path), path.file_name()) else { return Ok(Vec::new()) };
        let mut folders = self.lock();
        let folder = folders.entry(within.to_owned()).or_default();
        if !folder.renew(&self.inbox, path)? {
            return Ok(Vec::new());
        }
        let named = folder.manifests.get(name).into_iter().flat_map(|manifest| &manifest.names);
        Ok(named.map(|name| within.join(name)).collect())
    }

    /// A complete listing of the inbox has ended: manifests that nothing was heard of since the last one are no more.
    pub fn sweep(&self) {
        self.lock().retain(|_, folder| {
            let unseen =
                |(name, read): (&OsString, &mut Manifest)| (!std::mem::take(&mut read.seen)).then(|| name.clone());
            let gone: Vec<_> = folder.manifests.iter_mut().filter_map(unseen).collect();
            gone.iter().for_each(|name| folder.forget(name));
            !folder.manifests.is_empty()
        });
    }

    /// Reads all manifests of a folder. One that cannot be read says nothing.
    fn list(&self, within: &Path, folder: &mut Folder) -> io::Result<()> {
        let root = File::open(&self.inbox)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let opened = if within.as_os_str().is_empty() { root.into() } else { open_at(root.as_fd(), within, flags)? };
        for entry in Dir::new(opened)? {
            let path = within.join(OsStr::from_bytes(entry?.file_name().to_bytes()));
            if self.filter.is_manifest(&path) {
                let _ = folder.renew(&self.inbox, &path);
            }
        }
        folder.listed = true;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PathBuf, Folder>> {
        self.folders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Folder {
    /// The manifests that name `source`.
    fn speakers(&self, source: &OsStr) -> Vec<OsString> {
        let mut speakers: Vec<_> =
            self.sums.get(source).into_iter().flatten().map(|(manifest, _)| manifest.clone()).collect();
        speakers.dedup();
        speakers
    }

    /// Whether there was another version to read than the one remembered.
    fn renew(&mut self, inbox: &Path, path: &Path) -> io::Result<bool> {
        let name = path.file_name().unwrap_or_default();
        let (file, identity) = match open_beneath(inbox, path) {
            Ok(opened) => opened,
            Err(OpenError::Io(error)) => return Err(error),
            Err(OpenError::Gone | OpenError::Link | OpenError::NotAFile(_)) => {
                self.forget(name);
                return Ok(false);
            }
        };
        if let Some(read) = self.manifests.get_mut(name).filter(|read| read.identity == identity) {
            read.seen = true;
            return Ok(false);
        }
        self.forget(name);
        let text = text_of(&file);
        self.remember(name, identity, text.as_deref().unwrap_or_default());
        text.map(|_| true)
    }

    fn remember(&mut self, manifest: &OsStr, identity: Identity, text: &[u8]) {
        let mut names = Vec::new();
        for (source, sum) in entries(text) {
            self.sums.entry(source.clone()).or_default().push((manifest.to_owned(), sum));
            names.push(source);
        }
        self.manifests.insert(manifest.to_owned(), Manifest { identity, names, seen: true });
    }

    fn forget(&mut self, manifest: &OsStr) {
        for name in self.manifests.remove(manifest).into_iter().flat_map(|manifest| manifest.names) {
            if let Some(said) = self.sums.get_mut(&name) {
                said.retain(|(by, _)| by != manifest);
                if said.is_empty() {
                    self.sums.remove(&name);
                }
            }
        }
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

fn text_of(file: &File) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    file.take(LONGEST + 1).read_to_end(&mut text)?;
    if text.len() as u64 > LONGEST {
        let what = format!("is longer than {LONGEST} bytes, the most that is read of a manifest; split it");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, what));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    struct Inbox {
        folder: tempfile::TempDir,
        manifests: Manifests,
    }

    fn inbox() -> Inbox {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("sub")).unwrap();
        let globs = ["*.sha256".to_owned(), "SUMS".to_owned()];
        let filter = NameFilter::new(&["*.json".to_owned()], &[]).unwrap().with_signs("", &globs).unwrap();
        let manifests = Manifests::new(folder.path(), Arc::new(filter));
        Inbox { folder, manifests }
    }

    impl Inbox {
        fn write(&self, path: &str, sums: &[(u8, &str)]) {
            let line = |(sum, name): &(u8, &str)| format!("{}  {name}\n", format!("{sum:02x}").repeat(32));
            fs::write(self.folder.path().join(path), sums.iter().map(line).collect::<String>()).unwrap();
        }

        fn said(&self, source: &str) -> Vec<u8> {
            self.manifests.sums_of(Path::new(source)).unwrap().into_iter().map(|sum| sum[0]).collect()
        }

        fn renew(&self, path: &str) -> Vec<PathBuf> {
            self.manifests.renew(Path::new(path)).unwrap()
        }
    }

    #[test]
    fn a_manifest_speaks_of_its_folder_without_anybody_telling_of_it() {
        let inbox = inbox();
        inbox.write("SUMS", &[(1, "a.json"), (2, "b.json"), (3, "a.json")]);
        inbox.write("sub/x.sha256", &[(4, "a.json")]);
        inbox.write("sub/x.txt", &[(5, "a.json")]);
        assert_eq!((inbox.said("a.json"), inbox.said("c.json")), (vec![1, 3], vec![]));
        assert_eq!(inbox.said("sub/a.json"), [4]);
        inbox.write("SUMS", &[(6, "a.json")]);
        assert_eq!(inbox.said("a.json"), [6], "another version");
        fs::remove_file(inbox.folder.path().join("SUMS")).unwrap();
        assert!(inbox.said("a.json").is_empty(), "gone");
    }

    #[test]
    fn a_new_manifest_tells_once_of_whom_it_speaks() {
        let inbox = inbox();
        assert!(inbox.said("sub/a.json").is_empty());
        inbox.write("sub/SUMS", &[(1, "a.json"), (2, "b.json")]);
        assert_eq!(inbox.renew("sub/SUMS"), [Path::new("sub/a.json"), Path::new("sub/b.json")]);
        assert!(inbox.renew("sub/SUMS").is_empty());
        assert_eq!(inbox.said("sub/b.json"), [2]);
        inbox.manifests.sweep();
        assert_eq!(inbox.said("sub/b.json"), [2], "read since the listing before");
        inbox.renew("sub/SUMS");
        inbox.manifests.sweep();
        inbox.manifests.sweep();
        assert!(inbox.manifests.lock().is_empty());
    }

    #[test]
    fn links_folders_and_endless_files_say_nothing() {
        let inbox = inbox();
        let at = |name: &str| inbox.folder.path().join(name);
        inbox.write("elsewhere", &[(1, "a.json")]);
        std::os::unix::fs::symlink("elsewhere", at("SUMS")).unwrap();
        fs::create_dir(at("x.sha256")).unwrap();
        File::create(at("y.sha256")).unwrap().set_len(LONGEST + 1).unwrap();
        assert!(inbox.said("a.json").is_empty());
        assert!(inbox.renew("SUMS").is_empty() && inbox.renew("x.sha256").is_empty());
        assert!(inbox.renew("y.sha256").is_empty(), "told once");
        fs::remove_file(at("y.sha256")).unwrap();
        File::create(at("y.sha256")).unwrap().set_len(LONGEST + 1).unwrap();
        assert!(inbox.manifests.renew(Path::new("y.sha256")).unwrap_err().to_string().contains("split it"));
    }
}
