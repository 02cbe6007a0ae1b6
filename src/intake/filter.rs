//! Which names are sources: the operator's patterns, and the names that producers use for unfinished files. And which
//! are signs: markers and manifests, which say of sources that they are complete and are never sources themselves.
//!
//! Everything works on bytes: a name that is not UTF-8 is as good as any other.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};

use crate::config::Shard;
use crate::source::unpacked_name;

/// Endings by which programs mark files they have not finished, and ours or others' marks of files in work. Names that
/// begin with a dot (`.~lock.*`, `.nfs*`, `.syncthing.*`, rsync's temporary names) are refused as such.
const UNFINISHED_ENDINGS: &[&[u8]] =
    &[b".tmp", b".part", b".partial", b".filepart", b".crdownload", b".swp", b"~", b".PROCESSING", b".COMPLETED"];

/// Office programs put this before the name of a file somebody has open.
const OWNER_MARK: &[u8] = b"~$";

/// Decides by name alone whether a path below the inbox may be a source.
#[derive(Clone, Debug)]
pub struct NameFilter {
    include: Patterns,
    exclude: Patterns,
    /// What stands behind a source's name in that of its marker; empty: no markers.
    marker: Vec<u8>,
    manifests: Patterns,
    shard: Shard,
}

/// Why a file is no source, by its name alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is hidden, or in a hidden folder.
    Hidden,
    /// Its name is one that programs give to files which they have not finished.
    Unfinished,
    /// It is the marker of a source.
    Marker,
    /// It is a manifest.
    Manifest,
    /// No pattern wants it.
    NotIncluded,
    /// A pattern excludes it.
    Excluded,
    /// Another agent takes it: it is in another part of the inbox.
    OtherShard,
}

/// Globs without `/` speak of the file name, globs with `/` of the path relative to the inbox.
#[derive(Clone, Debug, Default)]
struct Patterns {
    names: GlobSet,
    paths: GlobSet,
}

impl NameFilter {
    /// A filter that wants what matches one of `include` and none of `exclude`. In a glob with `/`, `*` stays within
    /// one folder and `**` does not.
    pub fn new(include: &[String], exclude: &[String]) -> Result<Self, globset::Error> {
        let (include, exclude) = (Patterns::new(include)?, Patterns::new(exclude)?);
        Ok(Self { include, exclude, marker: Vec::new(), manifests: Patterns::default(), shard: Shard::default() })
    }

    /// The same, where names that end with `marker` are those of markers, and what matches one of `manifests` is a
    /// manifest.
    pub fn with_signs(self, marker: &str, manifests: &[String]) -> Result<Self, globset::Error> {
        Ok(Self { marker: marker.into(), manifests: Patterns::new(manifests)?, ..self })
    }

    /// The same for one part of the sources.
    #[must_use]
    pub fn of_shard(self, shard: Shard) -> Self {
        Self { shard, ..self }
    }

    /// Whether the file at `relative` (to the inbox) may be a source. Hidden files, files in hidden folders and names
    /// of unfinished files never are, whatever the patterns say.
    #[must_use]
    pub fn wants(&self, relative: &Path) -> bool {
        self.refusal(relative).is_none()
    }

    /// Why the file at `relative` is no source; none if it may be one.
    #[must_use]
    pub fn refusal(&self, relative: &Path) -> Option<Refusal> {
        let Some(name) = relative.file_name() else { return Some(Refusal::NotIncluded) };
        match () {
            () if is_hidden(relative) => Some(Refusal::Hidden),
            () if is_unfinished(name) => Some(Refusal::Unfinished),
            () if self.unmarked(name).is_some() => Some(Refusal::Marker),
            () if self.manifests.matches(relative, name) => Some(Refusal::Manifest),
            () if !self.include.match_any(relative, name) => Some(Refusal::NotIncluded),
            () if self.exclude.match_any(relative, name) => Some(Refusal::Excluded),
            () if !self.shard.takes(relative) => Some(Refusal::OtherShard),
            () => None,
        }
    }

    /// The source that the file at `relative` would be the marker of; none if that is no marker's name.
    #[must_use]
    pub fn marked(&self, relative: &Path) -> Option<PathBuf> {
        let source = relative.with_file_name(self.unmarked(relative.file_name()?)?);
        self.wants(&source).then_some(source)
    }

    /// Whether the file at `relative` is a manifest by its name. One that is still being transferred is none.
    #[must_use]
    pub fn is_manifest(&self, relative: &Path) -> bool {
        let Some(name) = relative.file_name() else { return false };
        self.manifests.matches(relative, name) && !is_hidden(relative) && !is_unfinished(name)
    }

    /// Whether the file at `relative` may say of others that they are complete.
    #[must_use]
    pub fn is_sign(&self, relative: &Path) -> bool {
        self.marked(relative).is_some() || self.is_manifest(relative)
    }

    /// A marker's name without its ending.
    fn unmarked<'a>(&self, name: &'a OsStr) -> Option<&'a OsStr> {
        if self.marker.is_empty() {
            return None;
        }
        name.as_bytes().strip_suffix(self.marker.as_slice()).filter(|rest| !rest.is_empty()).map(OsStr::from_bytes)
    }

    /// Whether the folder at `relative` may hold sources.
    #[must_use]
    pub fn enters(&self, relative: &Path) -> bool {
        !is_hidden(relative)
    }
}

impl Patterns {
    fn new(globs: &[String]) -> Result<Self, globset::Error> {
        let (mut names, mut paths) = (GlobSetBuilder::new(), GlobSetBuilder::new());
        for glob in globs {
            if glob.contains('/') {
                paths.add(path_glob(glob)?)
            } else {
                names.add(Glob::new(glob)?)
            };
        }
        Ok(Self { names: names.build()?, paths: paths.build()? })
    }

    /// Whether the name matches, as it is or without the ending of a compressed file.
    fn match_any(&self, relative: &Path, name: &OsStr) -> bool {
        let unpacked = unpacked_name(name);
        self.matches(relative, name) || (unpacked != name && self.matches(&relative.with_file_name(unpacked), unpacked))
    }

    fn matches(&self, relative: &Path, name: &OsStr) -> bool {
        self.names.is_match(name) || self.paths.is_match(relative)
    }
}

fn path_glob(glob: &str) -> Result<Glob, globset::Error> {
    // People write `/sub/*.json` for "from the inbox down"; relative paths have no leading slash.
    GlobBuilder::new(glob.strip_prefix('/').unwrap_or(glob)).literal_separator(true).build()
}

fn is_hidden(relative: &Path) -> bool {
    relative.as_os_str().as_bytes().split(|byte| *byte == b'/').any(|component| component.starts_with(b"."))
}

fn is_unfinished(name: &OsStr) -> bool {
    let name = name.as_bytes();
    name.starts_with(OWNER_MARK) || UNFINISHED_ENDINGS.iter().any(|ending| name.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(include: &[&str], exclude: &[&str]) -> NameFilter {
        let owned = |globs: &[&str]| globs.iter().map(ToString::to_string).collect::<Vec<_>>();
        NameFilter::new(&owned(include), &owned(exclude)).unwrap()
    }

    fn wants(filter: &NameFilter, name: &[u8]) -> bool {
        filter.wants(Path::new(OsStr::from_bytes(name)))
    }

    #[test]
    fn unfinished_and_hidden_names_are_refused_even_if_everything_is_included() {
        let all = filter(&["*", "**/*"], &[]);
        for name in [
            ".a.json",
            ".a.json.x9Kq2f",
            "a.json.tmp",
            "a.json.part",
            "a.json.partial",
            "a.json.filepart",
            "a.json.crdownload",
            ".a.json.swp",
            "a.json~",
            "~$a.json",
            ".~lock.a.json#",
            ".nfs0001",
            "a.json.PROCESSING",
            "a.json.COMPLETED",
            ".syncthing.a.json.tmp",
            ".hidden/a.json",
            "x/.git/a.json",
            "",
        ] {
            assert!(!wants(&all, name.as_bytes()), "{name}");
        }
        for name in ["a.json", "tmp", "a.tmp.json", "x/y/a.json", "~a.json", "a.json.processing"] {
            assert!(wants(&all, name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn a_glob_without_a_slash_speaks_of_the_name_and_one_with_a_slash_of_the_path() {
        let names = filter(&["*.json", "*.json.gz"], &["skip-*"]);
        assert!(wants(&names, b"a.json") && wants(&names, b"x/y/a.json.gz"));
        assert!(!wants(&names, b"a.csv") && !wants(&names, b"x/skip-a.json"));
        let paths = filter(&["in/*.json", "/deep/**/*.json"], &["deep/old/**"]);
        assert!(wants(&paths, b"in/a.json") && wants(&paths, b"deep/x/y/a.json"));
        assert!(!wants(&paths, b"a.json") && !wants(&paths, b"in/x/a.json") && !wants(&paths, b"deep/old/a.json"));
    }

    #[test]
    fn compressed_files_are_taken_and_left_like_plain_ones() {
        let names = filter(&["*.json", "in/*.ndjson"], &["skip-*.json", "*.bz2"]);
        for name in ["a.json.gz", "a.json.zst", "a.json.xz", "x/a.json.gz", "in/a.ndjson.xz"] {
            assert!(wants(&names, name.as_bytes()), "{name}");
        }
        for name in ["a.json.bz2", "skip-a.json.gz", "a.gz", ".gz", "a.json.gz.gz", "a.json.zip", "a.ndjson.gz"] {
            assert!(!wants(&names, name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn names_are_bytes() {
        let json = filter(&["*.json"], &[]);
        for name in [&b"\xff\xfe.json"[..], b"a\nb.json", b"-rf.json", b"%s$(x).json", "\u{202e}.json".as_bytes()] {
            assert!(wants(&json, name), "{name:?}");
        }
    }

    #[test]
    fn signs_are_no_sources_and_know_theirs() {
        let signed = |marker: &str| {
            let manifests = ["*.sha256".to_owned(), "in/SUMS.json".to_owned()];
            filter(&["*.json", "*.done"], &["x.json"]).with_signs(marker, &manifests).unwrap()
        };
        let (off, on) = (filter(&["*.json", "*.done"], &[]), signed(".done"));
        assert!(wants(&off, b"a.json.done") && !off.is_sign(Path::new("a.json.done")));
        let marked = |name: &[u8]| on.marked(Path::new(OsStr::from_bytes(name)));
        assert_eq!(marked(b"s/a\xff.json.done"), Some(PathBuf::from(OsStr::from_bytes(b"s/a\xff.json"))));
        for name in ["a.json", "a.txt.done", ".done", "x.json.done", ".a.json.done", "a.json.done.done", "a.json.DONE"]
        {
            assert_eq!(marked(name.as_bytes()), None, "{name}");
        }
        assert!(!wants(&on, b"a.json.done") && !wants(&on, b"what.done") && wants(&on, b"a.json"));
        let manifest = |name: &str| on.is_manifest(Path::new(name));
        assert!(manifest("s/a.sha256") && manifest("in/SUMS.json") && !wants(&on, b"in/SUMS.json"));
        assert!(!manifest(".a.sha256") && !manifest("a.sha256.part") && !manifest("SUMS.json"));
    }

    #[test]
    fn no_include_wants_nothing_and_a_bad_glob_is_an_error() {
        assert!(!wants(&filter(&[], &[]), b"a.json"));
        assert!(NameFilter::new(&["[a".to_owned()], &[]).is_err());
    }
}
