//! Pages in docs/ whose commands are run by tests: what is fenced in them, and what stands for programs that a test's machine lacks.

use std::fs;
use std::path::Path;

/// A fenced block: its language, what it is for, and what is in it.
pub(crate) struct Block {
    pub(crate) language: String,
    pub(crate) whose: String,
    pub(crate) text: String,
}

/// The blocks of a page in docs/.
pub(crate) fn blocks(page: &str) -> Vec<Block> {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(page)).unwrap();
    let fenced = page.split("```").skip(1).step_by(2).map(|block| {
        let (head, text) = block.split_once('\n').unwrap();
        let (language, whose) = head.split_once(' ').unwrap_or((head, ""));
        Block { language: language.to_owned(), whose: whose.to_owned(), text: text.to_owned() }
    });
    fenced.collect()
}

/// Machines for tests need no sudo, and may have none; nor do they fetch packages.
pub(crate) const STAND_INS: &str = r#"
cat >/usr/local/bin/sudo <<'END'
#!/bin/sh
[ "$1" = -u ] || exec "$@"
user=$2; shift 2; exec runuser -u "$user" -- "$@"
END
cat >/usr/local/bin/apt <<'END'
#!/bin/sh
exec dpkg --no-triggers "--$1" "$2"
END
chmod +x /usr/local/bin/sudo /usr/local/bin/apt
useradd alice
"#;
