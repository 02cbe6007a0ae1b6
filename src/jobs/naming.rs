//! What an output is called.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::source::output_stem;

/// The output of `source` (relative to the inbox) in `outbox`: sub-folders are mirrored, `.json` and the like become
/// `.h5`.
#[must_use]
pub fn output_of(outbox: &Path, source: &Path) -> PathBuf {
    let mut name = OsString::from(output_stem(source.file_name().unwrap_or_default()));
    name.push(".h5");
    outbox.join(source.with_file_name(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_mirrored_and_the_ending_is_replaced() {
        assert_eq!(output_of(Path::new("/out"), Path::new("a/b.c.json")), Path::new("/out/a/b.c.h5"));
    }
}
