//! The page: one file that needs nothing else, and its way to disk.
//!
//! File names in it are hostile. They travel as JSON in which no markup can begin or end (`<`, `>` and `&` are
//! escaped), and the page's script gives them to the browser as text only. The page's policy forbids every request.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::data::Data;
use super::report::Report;
use crate::convert::output::OutputError;

const FRAME: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/page.css");
const SCRIPTS: [&str; 5] = [
    include_str!("page/data.js"),
    include_str!("page/timeline.js"),
    include_str!("page/icicle.js"),
    include_str!("page/tables.js"),
    include_str!("page/main.js"),
];

impl Report {
    /// The report as one HTML page.
    #[must_use]
    pub fn page(&self) -> String {
        // None of it can fail to serialize: numbers, text and lists.
        let data = serde_json::to_string(&Data::of(self)).unwrap_or_default();
        // In the order of their marks.
        let parts = [("<!--style-->", STYLE), ("<!--data-->", &inert(&data)), ("<!--script-->", &SCRIPTS.concat())];
        let mut page = String::with_capacity(data.len() + 64 * 1024);
        let mut rest = FRAME;
        for (mark, part) in parts {
            let (before, after) = rest.split_once(mark).unwrap_or((rest, ""));
            page.push_str(before);
            page.push_str(part);
            rest = after;
        }
        page + rest
    }
}

/// JSON in which an HTML parser sees no markup. These characters stand in JSON strings only, where they may be escaped.
fn inert(json: &str) -> String {
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

/// A page on its way to its name: complete or not there, and an older one stays until then.
#[derive(Debug)]
pub struct PageFile {
    file: File,
    temporary: PathBuf,
    path: PathBuf,
}

impl PageFile {
    /// Makes ready to write the page `path`; dropped, it leaves no trace.
    pub fn create(path: &Path) -> Result<Self, OutputError> {
        let mut name = std::ffi::OsString::from(".");
        name.push(path.file_name().unwrap_or_default());
        name.push(format!(".{}.tmp", std::process::id()));
        let temporary = path.with_file_name(name);
        if path.is_dir() {
            return Err(OutputError::io("replace", path)(io::ErrorKind::IsADirectory.into()));
        }
        let _ = fs::remove_file(&temporary);
        let file = File::create_new(&temporary).map_err(OutputError::io("create", &temporary))?;
        Ok(Self { file, temporary, path: path.into() })
    }

    /// Writes `page` and gives it its name.
    pub fn publish(mut self, page: &str) -> Result<(), OutputError> {
        self.file.write_all(page.as_bytes()).map_err(OutputError::io("write", &self.temporary))?;
        fs::rename(&self.temporary, &self.path).map_err(OutputError::io("rename", &self.temporary))
    }
}

impl Drop for PageFile {
    fn drop(&mut self) {
        // Nothing is there under this name once the page is published.
        let _ = fs::remove_file(&self.temporary);
    }
}
