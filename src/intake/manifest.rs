//! What a manifest says: which SHA-256 files are to have, one a line, as `sha256sum` writes it and as BSD's `sha256` does.
//!
//! ```text
//! HASH  NAME          HASH *NAME          SHA256 (NAME) = HASH
//! ```
//!
//! A backslash before the line says that backslashes, line feeds and carriage returns in the name are escaped. What is
//! none of that says nothing: a comment, another hash, a last line that is still being written.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

/// A SHA-256.
pub type Sum = [u8; 32];

/// Characters of a SHA-256 in hexadecimal.
const DIGITS: usize = 64;

/// The names in the manifest's own folder, and what they are to have.
pub(super) fn entries(text: &[u8]) -> impl Iterator<Item = (OsString, Sum)> {
    text.split(|byte| *byte == b'\n').filter_map(|line| entry(line.strip_suffix(b"\r").unwrap_or(line)))
}

fn entry(line: &[u8]) -> Option<(OsString, Sum)> {
    let (line, escaped) = match line.strip_prefix(b"\\") {
        Some(rest) => (rest, true),
        None => (line, false),
    };
    let (name, sum) = gnu(line).or_else(|| bsd(line))?;
    let name = if escaped { unescaped(name)? } else { name.to_vec() };
    let name = name.strip_prefix(b"./").unwrap_or(&name);
    let is_name = !name.is_empty() && name != b"." && name != b".." && !name.contains(&b'/');
    is_name.then(|| (OsString::from_vec(name.to_vec()), sum))
}

fn gnu(line: &[u8]) -> Option<(&[u8], Sum)> {
    let (digits, rest) = line.split_at_checked(DIGITS)?;
    let name = rest.strip_prefix(b"  ").or_else(|| rest.strip_prefix(b" *"))?;
    Some((name, sum(digits)?))
}

fn bsd(line: &[u8]) -> Option<(&[u8], Sum)> {
    let rest = line.strip_prefix(b"SHA256 (")?;
    let (name, digits) = rest.split_at_checked(rest.len().checked_sub(DIGITS)?)?;
    Some((name.strip_suffix(b") = ")?, sum(digits)?))
}

fn sum(digits: &[u8]) -> Option<Sum> {
    // Any 32 bytes: that they are another hash's makes no difference to how they are written.
    blake3::Hash::from_hex(digits).ok().map(|hash| *hash.as_bytes())
}

fn unescaped(name: &[u8]) -> Option<Vec<u8>> {
    let (mut plain, mut rest) = (Vec::with_capacity(name.len()), name.iter());
    while let Some(byte) = rest.next() {
        plain.push(match (byte, if *byte == b'\\' { rest.next()? } else { byte }) {
            (b'\\', b'n') => b'\n',
            (b'\\', b'r') => b'\r',
            (b'\\', b'\\') => b'\\',
            (b'\\', _) => return None,
            (plain, _) => *plain,
        });
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;
    use std::process::Command;

    use super::*;

    const ONE: &str = "0123456789abcdef0123456789abcdef0123456789ABCDEF0123456789abcdef";

    fn names(text: &[u8]) -> Vec<Vec<u8>> {
        entries(text).map(|(name, _)| name.into_vec()).collect()
    }

    #[test]
    fn the_formats_of_sha256sum_are_read_and_all_else_says_nothing() {
        let line = |line: &str| names(line.replace('@', ONE).as_bytes());
        for (written, name) in [
            ("@  a.json\n", "a.json"),
            ("@ *a.json", "a.json"),
            ("@  ./a.json\r\n", "a.json"),
            ("@   a b", " a b"),
            ("SHA256 (a) = b.json) = @", "a) = b.json"),
            ("\\@  a\\nb\\\\\\r.json", "a\nb\\\r.json"),
            ("@  a\\n.json", "a\\n.json"),
        ] {
            assert_eq!(line(written), [name.as_bytes()], "{written}");
        }
        for none in [
            "",
            "@",
            "@  ",
            "@ a.json",
            "@  sub/a.json",
            "@  ../a.json",
            "@  ..",
            "# @  a.json",
            "0@  a.json",
            "\\@  a\\x.json",
            "\\@  a\\",
            "SHA512 (a) = @",
            "SHA256 (a = @",
            "@  /etc/passwd",
        ] {
            assert!(line(none).is_empty(), "{none}");
        }
        assert!(names(&ONE.as_bytes()[..40]).is_empty());
        assert_eq!(line("@  a.json\nrubbish\n@  b.js"), [&b"a.json"[..], b"b.js"]);
    }

    #[test]
    fn what_the_tool_itself_writes_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let all: [&[u8]; 5] = [b"a.json", b" *b.json", b"new\nline\\.json", b"\xff.json", b"c) = d.json"];
        for name in all {
            std::fs::write(folder.path().join(std::ffi::OsStr::from_bytes(name)), b"").unwrap();
        }
        for options in [&[][..], &["--binary"], &["--tag"]] {
            let mut tool = Command::new("sha256sum");
            let tool = tool.args(options).args(["--"]).args(all.map(std::ffi::OsStr::from_bytes));
            let written = tool.current_dir(folder.path()).output().unwrap();
            assert!(written.status.success());
            assert_eq!(names(&written.stdout), all);
            let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
            assert!(entries(&written.stdout).all(|(_, sum)| blake3::Hash::from_bytes(sum).to_hex().as_str() == empty));
        }
    }
}
