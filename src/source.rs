//! A source file's identity: which path, which version of its content, and how to open it without being led elsewhere.
//!
//! A leaf: every room may use it, it uses none. File names are hostile bytes here: never parsed, never given to a
//! shell, shown only through [`Shown`].

use std::ffi::OsStr;
use std::fmt;
use std::fs::{File, Metadata};
use std::io::{self, BufRead, BufReader, Seek};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};
use sha2::{Digest, Sha256};

/// Bytes that are read to be hashed.
const HASHED_AT_A_TIME: usize = 1 << 18;

/// Bytes of the longest path that the system takes, its end counted.
const LONGEST_PATH: usize = 4096;

/// What `stat` says of one version of a source. Two equal identities are the same content as far as the kernel knows;
/// the inode alone proves nothing, because it is reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// Device the file lives on.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
    /// Length in bytes.
    pub size: u64,
    /// Modification time, nanoseconds since the epoch.
    pub mtime_ns: i64,
    /// Status change time, nanoseconds since the epoch; no program can set it back.
    pub ctime_ns: i64,
}

impl Identity {
    /// The identity that `metadata` describes.
    #[must_use]
    pub fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            mtime_ns: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            ctime_ns: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// SHA-256 of a file from where it stands to its end; it stands at its start then.
pub fn sha256_of(mut file: &File) -> io::Result<[u8; 32]> {
    let (mut hasher, mut reader) = (Sha256::new(), BufReader::with_capacity(HASHED_AT_A_TIME, file));
    loop {
        let piece = reader.fill_buf()?;
        if piece.is_empty() {
            break;
        }
        hasher.update(piece);
        let read = piece.len();
        reader.consume(read);
    }
    file.rewind()?;
    Ok(hasher.finalize().into())
}

/// A hash in hexadecimal.
#[must_use]
pub fn hex(hash: &[u8; 32]) -> String {
    blake3::Hash::from_bytes(*hash).to_string()
}

/// The hash that `text` is in hexadecimal.
#[must_use]
pub fn unhex(text: &str) -> Option<[u8; 32]> {
    Some(*blake3::Hash::from_hex(text).ok()?.as_bytes())
}

fn nanoseconds(seconds: i64, fraction: i64) -> i64 {
    seconds.saturating_mul(1_000_000_000).saturating_add(fraction)
}

/// Why a path is not a source.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A link where a file was expected, at the path or on the way to it.
    #[error("is a symbolic link; links are not followed")]
    Link,
    /// A folder, pipe, socket or device; the field says which.
    #[error("is a {0}, not a regular file")]
    NotAFile(&'static str),
    /// Nothing has this name (any more).
    #[error("does not exist any more")]
    Gone,
    /// The system refused, for example for lack of permission.
    #[error("cannot be opened: {0}")]
    Io(#[source] io::Error),
}

/// Opens `relative` beneath `root` for reading and tells its identity, following no link, leaving `root` on no path
/// and never blocking on a pipe.
pub fn open_beneath(root: &Path, relative: &Path) -> Result<(File, Identity), OpenError> {
    beneath(root, relative, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)
}

/// The identity of the regular file `relative` beneath `root`, without opening it for reading and following no link.
pub fn stat_beneath(root: &Path, relative: &Path) -> Result<Identity, OpenError> {
    beneath(root, relative, OFlags::PATH).map(|(_, identity)| identity)
}

fn beneath(root: &Path, relative: &Path, flags: OFlags) -> Result<(File, Identity), OpenError> {
    let folder = File::open(root).map_err(OpenError::Io)?;
    regular(open_at(folder.as_fd(), relative, flags).map_err(refused)?)
}

/// As [`open_beneath`], in a folder that is open.
pub fn open_in(folder: BorrowedFd<'_>, relative: &Path) -> Result<(File, Identity), OpenError> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
    regular(open_at(folder, relative, flags).map_err(refused)?)
}

/// Opens the folder of `relative` beneath `root`, following no link behind `root`: names looked up in it are in that folder and
/// nowhere else, whatever has its path meanwhile.
pub fn open_folder_of(root: &Path, relative: &Path) -> Result<OwnedFd, OpenError> {
    let root = File::open(root).map_err(OpenError::Io)?;
    match relative.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => open_at(root.as_fd(), folder, OFlags::PATH | OFlags::DIRECTORY).map_err(refused),
        None => Ok(root.into()),
    }
}

/// As [`open_folder_of`], and makes the folders that are missing.
pub fn make_folder_of(root: &Path, relative: &Path) -> Result<OwnedFd, OpenError> {
    let mut folder: OwnedFd = File::open(root).map_err(OpenError::Io)?.into();
    for name in relative.parent().into_iter().flat_map(Path::components) {
        match rustix::fs::mkdirat(&folder, name.as_os_str(), Mode::from_raw_mode(0o777)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(refused(errno)),
        }
        let name = Path::new(name.as_os_str());
        folder = open_at(folder.as_fd(), name, OFlags::PATH | OFlags::DIRECTORY).map_err(refused)?;
    }
    Ok(folder)
}

fn refused(errno: Errno) -> OpenError {
    match errno {
        Errno::LOOP => OpenError::Link,
        Errno::NOENT | Errno::NOTDIR => OpenError::Gone,
        Errno::NXIO => OpenError::NotAFile("socket or device"),
        other => OpenError::Io(other.into()),
    }
}

/// Opens `relative` beneath the open folder `root` with `flags`, following no link at any place of the path.
///
/// Step by step and not by `openat2`, which would do it in one: seccomp cannot look into its arguments, so that
/// systemd answers it with ENOSYS in every service with `RestrictSUIDSGID=`, ours among them.
pub fn open_at(root: BorrowedFd<'_>, relative: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
    if relative.as_os_str().len() >= LONGEST_PATH {
        return Err(Errno::NAMETOOLONG);
    }
    let (mut names, mut folder) = (relative.components().peekable(), None::<OwnedFd>);
    while let Some(name) = names.next() {
        let Component::Normal(name) = name else { return Err(Errno::XDEV) };
        let step = if names.peek().is_some() { OFlags::PATH | OFlags::DIRECTORY } else { flags };
        let at = folder.as_ref().map_or(root, AsFd::as_fd);
        let step = step | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        folder = Some(retry_on_intr(|| rustix::fs::openat(at, name, step, Mode::empty()))?);
    }
    folder.ok_or(Errno::NOENT)
}

/// Opens a file that the user named, links included, and tells its identity; never blocks on a pipe.
pub fn open_named(path: &Path) -> Result<(File, Identity), OpenError> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let opened = rustix::fs::openat(CWD, path, flags, Mode::empty()).map_err(|e| match e {
        Errno::NOENT | Errno::NOTDIR => OpenError::Gone,
        Errno::NXIO => OpenError::NotAFile("socket or device"),
        other => OpenError::Io(other.into()),
    })?;
    regular(opened)
}

fn regular(opened: OwnedFd) -> Result<(File, Identity), OpenError> {
    let file = File::from(opened);
    let metadata = file.metadata().map_err(OpenError::Io)?;
    match kind_name(metadata.mode()) {
        None => Ok((file, Identity::of(&metadata))),
        Some(kind) => Err(OpenError::NotAFile(kind)),
    }
}

/// What a `st_mode` that is not a regular file's stands for; `None` for a regular file.
#[must_use]
pub fn kind_name(mode: u32) -> Option<&'static str> {
    match rustix::fs::FileType::from_raw_mode(mode) {
        rustix::fs::FileType::RegularFile => None,
        rustix::fs::FileType::Directory => Some("directory"),
        rustix::fs::FileType::Symlink => Some("symbolic link"),
        rustix::fs::FileType::Fifo => Some("named pipe"),
        rustix::fs::FileType::Socket => Some("socket"),
        _ => Some("device"),
    }
}

/// A path as people may see it: control characters, bytes that are not UTF-8 and text-direction overrides are escaped
/// as `\n`, `\x1b`, `\xff`, `\u{202e}`, a backslash is doubled; everything else is itself.
#[derive(Clone, Copy)]
pub struct Shown<'a>(pub &'a Path);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.as_os_str().as_bytes().utf8_chunks() {
            chunk.valid().chars().try_for_each(|c| write_char(f, c))?;
            chunk.invalid().iter().try_for_each(|b| write!(f, "\\x{b:02x}"))?;
        }
        Ok(())
    }
}

fn write_char(f: &mut fmt::Formatter<'_>, c: char) -> fmt::Result {
    match c {
        '\\' => f.write_str("\\\\"),
        '\n' => f.write_str("\\n"),
        '\r' => f.write_str("\\r"),
        '\t' => f.write_str("\\t"),
        c if u32::from(c) < 0x20 || c == '\x7f' => write!(f, "\\x{:02x}", u32::from(c)),
        '\u{80}'..='\u{9f}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            write!(f, "\\u{{{:x}}}", u32::from(c))
        }
        c => write!(f, "{c}"),
    }
}

/// A path as one word of a shell's command line, for commands that people copy: plain where that is safe, else in
/// single quotes, and with escapes as `$'a\nb'` where it could do something to a terminal or is not UTF-8.
#[derive(Clone, Copy)]
pub struct Quoted<'a>(pub &'a Path);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0.as_os_str().as_bytes();
        let safe = |byte: &u8| byte.is_ascii_alphanumeric() || b"_./:@%+,-~".contains(byte);
        if !bytes.is_empty() && bytes.iter().all(safe) && !b"-~".contains(&bytes[0]) {
            return write!(f, "{}", Shown(self.0));
        }
        let shown = Shown(self.0).to_string();
        if shown.as_bytes() == bytes {
            return write!(f, "'{}'", shown.replace('\'', "'\\''"));
        }
        f.write_str("$'")?;
        for byte in bytes {
            match byte {
                b'\\' | b'\'' => write!(f, "\\{}", char::from(*byte))?,
                0x20..0x7f => write!(f, "{}", char::from(*byte))?,
                other => write!(f, "\\x{other:02x}")?,
            }
        }
        f.write_str("'")
    }
}

/// The output's stem for a source's name: without `.gz`, `.zst`, `.xz` or `.bz2`, and then without `.json`, `.jsonl`
/// or `.ndjson`. A name that would be left empty stays whole.
#[must_use]
pub fn output_stem(name: &OsStr) -> &OsStr {
    let bytes = name.as_bytes();
    let inner = unpacked_name(name).as_bytes();
    let stem = strip_one(inner, &[b".json", b".jsonl", b".ndjson"]);
    OsStr::from_bytes(if stem.is_empty() { bytes } else { stem })
}

/// `name` without the ending of a compressed file, if it has one: `.gz`, `.zst`, `.xz` or `.bz2`.
#[must_use]
pub fn unpacked_name(name: &OsStr) -> &OsStr {
    OsStr::from_bytes(strip_one(name.as_bytes(), &[b".gz", b".zst", b".xz", b".bz2"]))
}

fn strip_one<'a>(name: &'a [u8], endings: &[&[u8]]) -> &'a [u8] {
    endings.iter().find_map(|ending| name.strip_suffix(*ending)).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown_without_anything_a_terminal_would_obey() {
        let hostile = OsStr::from_bytes(b"a\nb\x1b[31m\xff\xe2\x80\xae\\.json");
        assert_eq!(Shown(Path::new(hostile)).to_string(), "a\\nb\\x1b[31m\\xff\\u{202e}\\\\.json");
    }

    #[test]
    fn a_quoted_path_is_read_back_by_a_shell_as_it_was() {
        for name in [
            &b"/a/b-c_d.json"[..],
            b"-rf.json",
            b"a b'c\"d$(x).json",
            b"back\\slash",
            b"new\nline'\x1b",
            b"\xff.json",
            "caf\u{e9} \u{202e}".as_bytes(),
        ] {
            let word = Quoted(Path::new(OsStr::from_bytes(name))).to_string();
            let script = format!("printf %s {word}");
            let read = std::process::Command::new("bash").args(["-c", &script]).output().unwrap().stdout;
            assert_eq!(read, name, "{word}");
        }
        assert_eq!(Quoted(Path::new("/a/b.json")).to_string(), "/a/b.json");
    }

    #[test]
    fn an_output_is_named_after_its_source_without_the_endings() {
        for (name, stem) in
            [("a.json", "a"), ("a.b.jsonl", "a.b"), ("a.ndjson.gz", "a"), (".json", ".json"), ("a.txt", "a.txt")]
        {
            assert_eq!(output_stem(OsStr::new(name)), stem);
        }
    }

    #[test]
    fn links_pipes_and_folders_are_not_sources_and_never_block() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("real.json"), b"{}").unwrap();
        std::os::unix::fs::symlink("real.json", folder.path().join("link.json")).unwrap();
        std::fs::create_dir(folder.path().join("dir.json")).unwrap();
        rustix::fs::mknodat(CWD, folder.path().join("pipe.json"), rustix::fs::FileType::Fifo, Mode::RUSR, 0).unwrap();
        let open = |name: &str| open_beneath(folder.path(), Path::new(name)).map(|(_, identity)| identity.size);
        assert_eq!(open("real.json").unwrap(), 2);
        assert!(matches!(open("link.json"), Err(OpenError::Link)));
        assert!(matches!(open("dir.json"), Err(OpenError::NotAFile("directory"))));
        assert!(matches!(open("pipe.json"), Err(OpenError::NotAFile("named pipe"))));
        assert!(matches!(open("none.json"), Err(OpenError::Gone)));
        assert!(open("../real.json").is_err() && open("").is_err());
        // On the way there, neither.
        std::fs::create_dir(folder.path().join("sub")).unwrap();
        std::fs::write(folder.path().join("sub/in.json"), b"{}").unwrap();
        std::os::unix::fs::symlink("sub", folder.path().join("way")).unwrap();
        assert_eq!(open("sub/in.json").unwrap(), 2);
        assert!(matches!(open("way/in.json"), Err(OpenError::Gone | OpenError::Link)));
        assert!(open("sub/../real.json").is_err());
    }
}
