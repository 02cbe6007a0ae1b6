//! One look at one path: open it safely, tell its identity, ask for writers, close it.

use std::fs::File;
use std::path::Path;

use super::lease::{Writer, writer_present};
use super::signs::{Consent, Signs};
use crate::source::{Identity, OpenError, open_beneath};

/// What a look at a path saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// A regular file.
    Found {
        /// Which version of it.
        identity: Identity,
        /// Who may still be writing.
        writer: Writer,
        /// What a marker or manifest says of it.
        consent: Consent,
    },
    /// No regular file there: nothing, or a link, folder, pipe, socket or device.
    Gone,
    /// Something that cannot be opened just now; look again later.
    NotReadable,
}

/// Looks at `relative` in `inbox`. The error, if any, is what to tell the operator, once a path.
#[must_use]
pub fn look(inbox: &Path, relative: &Path, signs: &Signs) -> (Look, Option<OpenError>) {
    match open_beneath(inbox, relative).and_then(|(file, _)| found(&file, relative, signs)) {
        Ok(look) => (look, None),
        Err(OpenError::Gone) => (Look::Gone, None),
        Err(error @ (OpenError::Link | OpenError::NotAFile(_))) => (Look::Gone, Some(error)),
        Err(error @ OpenError::Io(_)) => (Look::NotReadable, Some(error)),
    }
}

fn found(file: &File, relative: &Path, signs: &Signs) -> Result<Look, OpenError> {
    // In this order: an identity taken before asking could be that of a version whose writer closed in between.
    let writer = writer_present(file);
    let identity = Identity::of(&file.metadata().map_err(OpenError::Io)?);
    Ok(Look::Found { identity, writer, consent: signs.of(relative, &identity) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_tells_files_from_what_is_none() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.json"), b"{}").unwrap();
        std::os::unix::fs::symlink("a.json", folder.path().join("link.json")).unwrap();
        std::fs::create_dir(folder.path().join("dir.json")).unwrap();
        let seen = |name: &str| look(folder.path(), Path::new(name), &Signs::default());
        assert!(
            matches!(seen("a.json"), (Look::Found { identity: Identity { size: 2, .. }, writer, .. }, None) if writer != Writer::Present)
        );
        assert!(matches!(seen("none.json"), (Look::Gone, None)));
        assert!(matches!(seen("link.json"), (Look::Gone, Some(OpenError::Link))));
        assert!(matches!(seen("dir.json"), (Look::Gone, Some(OpenError::NotAFile("directory")))));
        assert!(matches!(
            look(&folder.path().join("no"), Path::new("a.json"), &Signs::default()),
            (Look::NotReadable, Some(OpenError::Io(_)))
        ));
    }
}
