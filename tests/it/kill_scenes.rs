//! What the agent is killed in the midst of: the scenes of the [kill matrix](super::kill_matrix), as a table.

/// What happens before the agent is killed, and how it is set up.
pub(crate) struct Scene {
    pub(crate) name: &'static str,
    pub(crate) config: &'static str,
    /// Whether archive and quarantine are on another file system.
    pub(crate) elsewhere: bool,
    /// Processed in peace, in this order.
    pub(crate) before: &'static [(&'static str, &'static str)],
    /// Processed under fire.
    pub(crate) sources: &'static [(&'static str, &'static str)],
    /// What the end must be: the files, and the ledger's states. The rest is compared with an undisturbed run.
    pub(crate) files: &'static [&'static str],
    pub(crate) states: &'static [&'static str],
}

pub(crate) const GOOD: &str = "{\"a\": 1, \"b\": \"x\"}\n{\"a\": 2, \"b\": \"y\"}\n";
pub(crate) const NEWER: &str = "{\"a\": 3, \"b\": \"z\"}\n";
const BAD: &str = "{\"a\": 1}\nbad\n";
const BAD_BEFORE: &str = "{\"a\": 2}\nother\n";
const WORSE: &str = "worse\n";

const KEEP: &str = "source.after = \"keep\"";
const ARCHIVE: &str = "source.after = \"archive\"";
const DELETE: &str = "source.after = \"delete\"";

/// Each disposition, on one file system and across two, and each other end that a source can come to.
pub(crate) const SCENES: &[Scene] = &[
    Scene {
        name: "kept",
        config: KEEP,
        elsewhere: false,
        before: &[],
        sources: &[("f0.json", GOOD)],
        files: &["inbox/f0.json", "outbox/f0.h5"],
        states: &["done"],
    },
    Scene {
        name: "archived",
        config: ARCHIVE,
        elsewhere: false,
        before: &[("f0.json", NEWER)],
        sources: &[("f0.json", GOOD)],
        files: &["archive/f0.json", "archive/f0~2.json", "outbox/f0.h5", "outbox/f0~2.h5"],
        states: &["done", "done"],
    },
    Scene {
        name: "archived on another mount, in folders that are made",
        config: "source.after = \"archive\"\ninbox.recursive = true",
        elsewhere: true,
        before: &[],
        sources: &[("sub/f0.json", GOOD)],
        files: &["archive/sub/f0.json", "outbox/sub/f0.h5"],
        states: &["done"],
    },
    Scene {
        name: "deleted",
        config: DELETE,
        elsewhere: false,
        before: &[],
        sources: &[("f0.json", GOOD)],
        files: &["outbox/f0.h5"],
        states: &["done"],
    },
    Scene {
        name: "replaced",
        config: "source.after = \"delete\"\noutput.on_existing = \"replace\"",
        elsewhere: false,
        before: &[("f0.json", NEWER)],
        sources: &[("f0.json", GOOD)],
        files: &["outbox/f0.h5"],
        states: &["done", "done"],
    },
    Scene {
        name: "a duplicate",
        config: ARCHIVE,
        elsewhere: true,
        before: &[("f0.json", GOOD)],
        sources: &[("f0.json", GOOD)],
        files: &["archive/f0.json", "archive/f0~2.json", "outbox/f0.h5"],
        states: &["done", "duplicate"],
    },
    Scene {
        name: "a duplicate that is deleted",
        config: DELETE,
        elsewhere: false,
        before: &[("f0.json", GOOD)],
        sources: &[("f0.json", GOOD)],
        files: &["outbox/f0.h5"],
        states: &["done", "duplicate"],
    },
    Scene {
        name: "quarantined, where it stays",
        config: KEEP,
        elsewhere: false,
        before: &[],
        sources: &[("f0.json", BAD)],
        files: &["inbox/f0.json", "quarantine/f0.json.reason.txt"],
        states: &["quarantined"],
    },
    Scene {
        name: "quarantined, beside an earlier version",
        config: DELETE,
        elsewhere: false,
        before: &[("f0.json", BAD)],
        sources: &[("f0.json", WORSE)],
        files: &[
            "quarantine/f0.json",
            "quarantine/f0.json.reason.txt",
            "quarantine/f0~2.json",
            "quarantine/f0~2.json.reason.txt",
        ],
        states: &["quarantined", "quarantined"],
    },
    Scene {
        name: "quarantined on another mount, beside an earlier version",
        config: ARCHIVE,
        elsewhere: true,
        before: &[("f0.json", BAD)],
        sources: &[("f0.json", WORSE)],
        files: &[
            "quarantine/f0.json",
            "quarantine/f0.json.reason.txt",
            "quarantine/f0~2.json",
            "quarantine/f0~2.json.reason.txt",
        ],
        states: &["quarantined", "quarantined"],
    },
    Scene {
        name: "an output that is refused its name",
        config: "source.after = \"delete\"\noutput.on_existing = \"refuse\"",
        elsewhere: false,
        before: &[("f0.json", NEWER)],
        sources: &[("f0.json", GOOD)],
        files: &["outbox/f0.h5", "quarantine/f0.json", "quarantine/f0.json.reason.txt"],
        states: &["done", "quarantined"],
    },
    Scene {
        name: "bad records on another mount",
        config: "source.after = \"archive\"\nrecords.on_bad_record = \"skip\"",
        elsewhere: true,
        before: &[("f0.json", BAD_BEFORE)],
        sources: &[("f0.json", BAD)],
        files: &[
            "archive/f0.json",
            "archive/f0~2.json",
            "outbox/f0.h5",
            "outbox/f0~2.h5",
            "quarantine/f0.bad.ndjson",
            "quarantine/f0.bad~2.ndjson",
        ],
        states: &["done", "done"],
    },
];
