//! What a power cut may leave, built from the calls of a run: every content that was synced and every name whose folder
//! was, and of the rest whatever one likes. No file system keeps less, and none has to keep more.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A file, whatever its name.
type File = usize;

/// One change.
#[derive(Clone, Debug)]
enum Change {
    Create(PathBuf, File),
    Folder(PathBuf),
    Rename(PathBuf, PathBuf),
    Link(PathBuf, PathBuf),
    Remove(PathBuf),
    Write(File, u64, Vec<u8>),
    Length(File, u64),
}

impl Change {
    fn is_of_a_name(&self) -> bool {
        !matches!(self, Self::Write(..) | Self::Length(..))
    }

    /// The folder whose sync makes it last.
    fn folder(&self) -> Option<&Path> {
        match self {
            Self::Create(path, _)
            | Self::Folder(path)
            | Self::Remove(path)
            | Self::Rename(_, path)
            | Self::Link(_, path) => path.parent(),
            Self::Write(..) | Self::Length(..) => None,
        }
    }
}

/// A change, and the moment from which it lasts.
#[derive(Debug)]
struct Made {
    change: Change,
    synced: Option<usize>,
}

/// All changes of a run, in order.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    made: Vec<Made>,
    /// Which file has which name at the end of what was read so far.
    names: BTreeMap<PathBuf, File>,
    files: usize,
    /// Where the next plain write to a file goes.
    ends: BTreeMap<File, u64>,
}

/// What is on the disk: folders without content, files with theirs.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Image {
    pub(crate) folders: Vec<PathBuf>,
    pub(crate) files: BTreeMap<PathBuf, Vec<u8>>,
}

impl Changes {
    /// A run that begins with these files, which last.
    pub(crate) fn from(start: &Image) -> Self {
        let mut changes = Self::default();
        start.folders.iter().for_each(|folder| changes.add(Change::Folder(folder.clone())));
        for (path, content) in &start.files {
            let file = changes.new_file(path);
            changes.add(Change::Write(file, 0, content.clone()));
        }
        changes.made.iter_mut().for_each(|made| made.synced = Some(0));
        changes
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.made.len()
    }

    fn add(&mut self, change: Change) {
        self.made.push(Made { change, synced: None });
    }

    fn new_file(&mut self, path: &Path) -> File {
        self.files += 1;
        self.names.insert(path.to_owned(), self.files);
        self.add(Change::Create(path.to_owned(), self.files));
        self.files
    }

    /// Takes one call of the run in, which went well: its name, the text between its parentheses, and its paths.
    pub(crate) fn call(&mut self, call: &str, text: &str, paths: &[PathBuf]) {
        let Some(path) = paths.first() else { return };
        let file = self.names.get(path).copied();
        match (call, file) {
            ("openat", None) if text.contains("O_CREAT") => drop(self.new_file(path)),
            ("openat", Some(file)) => {
                self.ends.insert(file, 0);
                if text.contains("O_TRUNC") {
                    self.add(Change::Length(file, 0));
                }
            }
            ("mkdir", _) => self.add(Change::Folder(path.clone())),
            ("rename" | "renameat2", Some(file)) => {
                self.names.remove(path);
                self.names.insert(paths[1].clone(), file);
                self.add(Change::Rename(path.clone(), paths[1].clone()));
            }
            ("linkat", Some(file)) => {
                self.names.insert(paths[1].clone(), file);
                self.add(Change::Link(path.clone(), paths[1].clone()));
            }
            ("unlink" | "unlinkat" | "rmdir", _) => {
                self.names.remove(path);
                self.add(Change::Remove(path.clone()));
            }
            ("write", Some(file)) => {
                let bytes = written(text);
                let at = self.ends.entry(file).or_default();
                let start = *at;
                *at += bytes.len() as u64;
                self.add(Change::Write(file, start, bytes));
            }
            ("pwrite64", Some(file)) => {
                let offset = text.rsplit(", ").next().unwrap().parse().unwrap();
                self.add(Change::Write(file, offset, written(text)));
            }
            ("ftruncate", Some(file)) => {
                let length = text.rsplit(", ").next().unwrap().parse().unwrap();
                self.add(Change::Length(file, length));
            }
            ("fsync" | "fdatasync", _) => self.sync(path, file),
            ("fchmod" | "utimensat", _) => {}
            (other, Some(_)) => panic!("{other}({text}) is not known here"),
            _ => {}
        }
    }

    fn sync(&mut self, path: &Path, file: Option<File>) {
        let now = self.made.len();
        for made in self.made.iter_mut().filter(|made| made.synced.is_none()) {
            let lasts = match &made.change {
                Change::Write(of, ..) | Change::Length(of, _) => Some(*of) == file,
                name => name.folder() == Some(path),
            };
            if lasts {
                made.synced = Some(now);
            }
        }
    }

    /// What a power cut behind the first `count` changes may leave: nothing that was not synced, all of it, all but one
    /// change, one change alone, only names, only content, and the last write in half.
    pub(crate) fn images(&self, count: usize) -> Vec<Image> {
        let done = &self.made[..count];
        // A sync behind the last of them may not have happened yet.
        let lasts = |made: &Made| made.synced.is_some_and(|moment| moment < count);
        let pending: Vec<usize> = (0..count).filter(|number| !lasts(&done[*number])).collect();
        let with = |kept: &dyn Fn(usize) -> bool| {
            Image::of(
                done.iter().enumerate().filter(|(number, made)| lasts(made) || kept(*number)).map(|(_, m)| &m.change),
            )
        };
        let mut images = vec![
            with(&|_| false),
            with(&|_| true),
            with(&|number| done[number].change.is_of_a_name()),
            with(&|number| !done[number].change.is_of_a_name()),
        ];
        for one in &pending {
            images.push(with(&|number| number != *one));
            images.push(with(&|number| number == *one));
        }
        images.extend(torn(done, &pending));
        images
    }
}

impl Image {
    /// What these changes make; one that has lost what it needs makes nothing.
    fn of<'c>(changes: impl Iterator<Item = &'c Change>) -> Self {
        let mut folders: Vec<PathBuf> = Vec::new();
        let mut names: BTreeMap<PathBuf, File> = BTreeMap::new();
        let mut contents: BTreeMap<File, Vec<u8>> = BTreeMap::new();
        for change in changes {
            let has_folder = |path: &Path| path.parent().is_some_and(|parent| folders.iter().any(|f| f == parent));
            match change {
                // The first folder has none around it that is looked at.
                Change::Folder(path) if folders.is_empty() || has_folder(path) => folders.push(path.clone()),
                Change::Create(path, file) if has_folder(path) => drop(names.insert(path.clone(), *file)),
                Change::Rename(from, to) if has_folder(to) => {
                    if let Some(file) = names.remove(from) {
                        names.insert(to.clone(), file);
                    }
                }
                Change::Link(from, to) if has_folder(to) => {
                    if let Some(file) = names.get(from).copied() {
                        names.insert(to.clone(), file);
                    }
                }
                Change::Remove(path) => {
                    names.remove(path);
                    folders.retain(|folder| folder != path || names.keys().any(|name| name.starts_with(folder)));
                }
                Change::Write(file, at, bytes) => {
                    let content = contents.entry(*file).or_default();
                    let start = usize::try_from(*at).unwrap();
                    content.resize(content.len().max(start + bytes.len()), 0);
                    content[start..start + bytes.len()].copy_from_slice(bytes);
                }
                Change::Length(file, length) => {
                    contents.entry(*file).or_default().resize(usize::try_from(*length).unwrap(), 0);
                }
                _ => {}
            }
        }
        let content = |file: File| contents.get(&file).cloned().unwrap_or_default();
        let files = names.into_iter().map(|(path, file)| (path, content(file))).collect();
        Self { folders, files }
    }
}

/// All of it, the last write excepted, of which the first half is there.
fn torn(done: &[Made], pending: &[usize]) -> Option<Image> {
    let (last, Change::Write(file, at, bytes)) =
        pending.iter().rev().map(|number| (*number, &done[*number].change)).find(|(_, c)| !c.is_of_a_name())?
    else {
        return None;
    };
    let half = Change::Write(*file, *at, bytes[..bytes.len() / 2].to_vec());
    let before = done[..last].iter().map(|made| &made.change);
    Some(Image::of(before.chain([&half]).chain(done[last + 1..].iter().map(|made| &made.change))))
}

/// The bytes in the quotes of a call, as strace writes them.
fn written(text: &str) -> Vec<u8> {
    let start = text.find('"').unwrap() + 1;
    let mut rest = text.as_bytes()[start..].iter().copied();
    let mut bytes = Vec::new();
    loop {
        match rest.next().unwrap() {
            b'"' => return bytes,
            b'\\' => bytes.push(match rest.next().unwrap() {
                b'n' => b'\n',
                b't' => b'\t',
                b'r' => b'\r',
                b'v' => 0x0b,
                b'f' => 0x0c,
                b'x' => {
                    let digits = [rest.next().unwrap(), rest.next().unwrap()];
                    u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
                }
                other => other,
            }),
            other => bytes.push(other),
        }
    }
}
