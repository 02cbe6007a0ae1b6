//! The manual page of the program, h5inbox(1): each verb with its options, from the definitions of the command line itself.

use std::io::{self, Write};

use clap::Command;
use clap_mangen::Man;
use roff::{Roff, bold, italic, roman};

/// The page; `command` is the whole command line.
pub(super) fn page(command: &mut Command) -> String {
    command.build();
    let mut page = beginning();
    page.push_str(&section("DESCRIPTION", &[]));
    page.push_str(&of(command, Man::render_description_section));
    page.push_str(DESCRIPTION);
    page.push_str(&section("COMMANDS", &[]));
    verbs(command).iter().for_each(|verb| page.push_str(&told(verb)));
    for (name, entries) in SECTIONS {
        page.push_str(&section(name, entries));
    }
    page.push_str(&ending());
    page
}

fn beginning() -> String {
    let mut page = Roff::new();
    page.control("TH", ["h5inbox", "1", "", concat!("h5inbox ", env!("CARGO_PKG_VERSION"))]);
    page.control("SH", ["NAME"]).text([roman("h5inbox - converts JSON files dropped into a folder to HDF5")]);
    page.control("SH", ["SYNOPSIS"]);
    page.text([bold("h5inbox"), roman(" "), italic("COMMAND"), roman(" [OPTION...] [ARGUMENT...]")]);
    page.render()
}

const DESCRIPTION: &str = "\
.PP
The configuration is told in
.BR h5inbox.toml (5).
Data goes to standard output, everything else to standard error.
";

/// Every command that does something, whatever it is inside of.
fn verbs(command: &Command) -> Vec<Command> {
    let inside = command.get_subcommands().filter(|verb| verb.get_name() != "help");
    inside.flat_map(|verb| if verb.has_subcommands() { verbs(verb) } else { vec![verb.clone()] }).collect()
}

/// One of them: how it is called, what it does, its options.
fn told(verb: &Command) -> String {
    let name = verb.get_bin_name().unwrap_or_else(|| verb.get_name()).to_owned();
    let verb = verb.clone().mut_arg("help", |help| help.hide(true));
    let mut entry = Roff::new();
    entry.control("SS", [name.as_str()]);
    let mut entry = entry.to_roff();
    entry.push_str(&of(&verb, Man::render_description_section));
    entry.push_str(".PP\n");
    entry.push_str(&of(&verb, Man::render_synopsis_section));
    entry.push_str(&of(&verb, Man::render_options_section));
    entry
}

/// A part of a command's own page, without what makes it a section of a page.
fn of(command: &Command, part: fn(&Man, &mut dyn Write) -> io::Result<()>) -> String {
    let mut text = Vec::new();
    // Writing into memory cannot fail.
    let _ = part(&Man::new(command.clone()), &mut text);
    let text = String::from_utf8_lossy(&text).into_owned();
    let is_text = |line: &&str| ![".ie ", ".el ", ".SH "].iter().any(|start| line.starts_with(start));
    text.lines().filter(is_text).flat_map(|line| [line, "\n"]).collect()
}

type Entry = (&'static str, &'static str);

const SECTIONS: [(&str, &[Entry]); 4] = [
    (
        "EXIT STATUS",
        &[
            ("0", "All well."),
            ("1", "Some file failed."),
            ("2", "The command line is wrong."),
            ("69", "The ledger is unavailable."),
            ("70", "An error of the program or of the system."),
            ("78", "The configuration, or a folder that it names, is wrong."),
        ],
    ),
    ("ENVIRONMENT", &[("H5INBOX_CONFIG", "The configuration file, where --config does not name one.")]),
    (
        "SIGNALS",
        &[
            (
                "TERM, INT",
                "Stop: no new files, those in hand are finished. A second one ends the agent at once, and is safe.",
            ),
            ("HUP", "Read the configuration again; one that is wrong is refused, and the one before stays."),
            ("USR1", "Log the state."),
            ("USR2", "List the inbox now."),
        ],
    ),
    (
        "FILES",
        &[
            ("/etc/h5inbox/config.toml", "The configuration."),
            (
                "/srv/h5inbox/{inbox,outbox,archive,quarantine}",
                "Where files come from and go to, unless it says otherwise.",
            ),
            ("/var/lib/h5inbox/ledger.sqlite", "The ledger: what was done. Keep it as long as the outbox."),
        ],
    ),
];

fn section(name: &str, entries: &[Entry]) -> String {
    let mut section = Roff::new();
    section.control("SH", [name]);
    for (what, text) in entries {
        section.control("TP", [""; 0]).text([bold(*what)]).text([roman(*text)]);
    }
    section.to_roff()
}

fn ending() -> String {
    let mut ending = Roff::new();
    ending.control("SH", ["SEE ALSO"]);
    ending.text([
        bold("h5inbox.toml"),
        roman("(5), "),
        bold("systemctl"),
        roman("(1), "),
        bold("journalctl"),
        roman("(1)"),
    ]);
    ending.to_roff()
}
