//! Values that name a place: folders, the ledger's file, an object inside an HDF5 file.

use std::path::{Component, Path, PathBuf};

use toml::de::DeValue;

use super::postgres_url;
use super::problem::Complaint;
use super::values::text;

const LEDGER: &str =
    "\"sqlite:/var/lib/h5inbox/ledger.sqlite\", or \"postgres://user@host/database\" where several agents share it";
const PAGE: &str = "the absolute path of a page, as \"/var/lib/h5inbox/profile.html\"; \"\" turns it off";
const TEXTFILE: &str = "\"/var/lib/prometheus/node-exporter/h5inbox.prom\", or \"\" for none";

/// An absolute path, in the one way of writing it: no `.`, no double or trailing slash. `..` is refused, because what
/// it leads to depends on links, and checks by name must hold.
pub(super) fn absolute_path(value: &DeValue) -> Result<PathBuf, Complaint> {
    path_from(text(value, "an absolute path, in quotes")?)
}

fn path_from(written: &str) -> Result<PathBuf, Complaint> {
    let path = Path::new(written);
    let fault = match () {
        () if written.contains(char::is_control) => ("contains a control character", "rename the folder"),
        () if !path.is_absolute() => ("is not an absolute path", "begin it with /; ~ and $NAME are not expanded"),
        () if path.components().any(|part| part == Component::ParentDir) => ("contains ..", "name the place itself"),
        () if path.parent().is_none() => ("is the root of the file system", "name a folder of its own"),
        () => return Ok(path.components().collect()),
    };
    Err(Complaint::new(format!("= {written:?} {}", fault.0), fault.1))
}

/// An absolute path ending in `.html`, or nothing. The ending keeps a slip of the pen from replacing another file.
pub(super) fn page_path(value: &DeValue) -> Result<PathBuf, Complaint> {
    path_with_ending(value, "html", PAGE)
}

/// An absolute path ending in `.prom`, or nothing: what `node_exporter`'s textfile collector reads.
pub(super) fn textfile_path(value: &DeValue) -> Result<PathBuf, Complaint> {
    path_with_ending(value, "prom", TEXTFILE)
}

fn path_with_ending(value: &DeValue, wanted: &str, example: &str) -> Result<PathBuf, Complaint> {
    let written = text(value, example)?;
    if written.is_empty() {
        return Ok(PathBuf::new());
    }
    let path = path_from(written)?;
    if path.extension().is_none_or(|ending| ending != wanted) {
        return Err(Complaint::new(format!("= {written:?} does not end in .{wanted}"), format!("write {example}")));
    }
    Ok(path)
}

/// An absolute path, or nothing.
pub(super) fn path_or_none(value: &DeValue) -> Result<PathBuf, Complaint> {
    let written = text(value, "the absolute path of a file, or \"\" for none")?;
    if written.is_empty() { Ok(PathBuf::new()) } else { path_from(written) }
}

/// `sqlite:` and an absolute path, `sqlite:///` as well. Other URLs may hold a password and are not repeated.
pub(super) fn ledger_url(value: &DeValue) -> Result<String, Complaint> {
    let written = text(value, LEDGER)?;
    let (scheme, place) = written.split_once(':').unwrap_or(("", written));
    match scheme {
        "sqlite" => ledger_file(place).map(|_| written.to_owned()),
        "postgres" | "postgresql" => postgres_url::check(written).map(|()| written.to_owned()),
        _ => Err(Complaint::new("does not begin with sqlite: or postgres:", format!("write it as {LEDGER}"))),
    }
}

fn ledger_file(place: &str) -> Result<PathBuf, Complaint> {
    let has_host = place.starts_with("//") && !place.starts_with("///");
    if has_host || place.contains(['?', '#']) || place.ends_with('/') {
        let what = format!("= \"sqlite:{}\" has more or less in it than the path of a file", place.escape_debug());
        return Err(Complaint::new(what, format!("write it as {LEDGER}")));
    }
    path_from(place)
}

/// The path of an object inside an HDF5 file that pandas can ask for.
pub(super) fn object_path(value: &DeValue) -> Result<String, Complaint> {
    let written = text(value, "a path inside the file, as \"/data\"")?;
    match refuse_key(written) {
        None => Ok(written.to_owned()),
        Some((what, hint)) => Err(Complaint::new(format!("= {written:?} {what}"), hint)),
    }
}

/// The key that `text` names: `data` is `/data`, as pandas has it.
pub fn key(text: &str) -> Result<String, String> {
    let key = format!("/{}", text.strip_prefix('/').unwrap_or(text));
    refuse_key(&key).map_or(Ok(key), |(what, hint)| Err(format!("it {what}; {hint}")))
}

/// What is wrong with `written` as the path of an object inside an HDF5 file, and what to write instead; nothing if
/// pandas can ask for it.
#[must_use]
pub fn refuse_key(written: &str) -> Option<(&'static str, &'static str)> {
    let has_name = |test: fn(&str) -> bool| written.split('/').skip(1).any(test);
    let fault = match () {
        () if !written.starts_with('/') => ("does not begin with /", "write it as \"/data\""),
        () if has_name(str::is_empty) => ("has an empty name in it", "write it as \"/data\" or \"/group/data\""),
        () if has_name(|name| name == "." || name == "..") => ("has . or .. in it", "HDF5 has no such names"),
        () if has_name(is_reserved) => ("has a name that PyTables keeps for itself", "choose another name"),
        () if written.contains(char::is_control) => ("contains a control character", "use letters, digits and _"),
        () => return None,
    };
    Some(fault)
}

/// Names that PyTables refuses or, beginning with `_i_` or `_p_`, hides: see its `tables/path.py`.
fn is_reserved(name: &str) -> bool {
    let prefixes = ["_c_", "_f_", "_g_", "_i_", "_p_", "_v_"];
    prefixes.iter().any(|prefix| name.starts_with(prefix)) || name == "__members__"
}
