//! The manual page of the configuration file, made of `config.example.toml`, which says all of it already.

use roff::{Roff, bold, italic, roman};

const EXAMPLE: &str = include_str!("../../../config.example.toml");

/// `h5inbox.toml(5)`.
pub(super) fn page() -> String {
    let mut page = Roff::new();
    page.control("TH", ["h5inbox.toml", "5", "", concat!("h5inbox ", env!("CARGO_PKG_VERSION"))]);
    page.control("SH", ["NAME"]);
    page.text([roman("h5inbox.toml - configuration of the h5inbox agent")]);
    page.control("SH", ["DESCRIPTION"]);
    paragraphs(EXAMPLE).iter().for_each(|paragraph| paragraph.write(&mut page));
    page.control("SH", ["FILES"]);
    for (file, text) in FILES {
        page.control("TP", [""; 0]).text([italic(*file)]).text([roman(*text)]);
    }
    page.control("SH", ["SEE ALSO"]);
    page.text([bold("h5inbox"), roman("(1), "), bold("glob"), roman("(7), "), bold("strftime"), roman("(3)")]);
    page.render()
}

const FILES: &[(&str, &str)] = &[
    ("/etc/h5inbox/config.toml", "Of h5inbox.service, and where every command looks that is given no other."),
    ("/etc/h5inbox/NAME.toml", "Of the instance h5inbox@NAME.service."),
];

/// What stands between two blank lines of the example.
#[derive(Debug, PartialEq, Eq)]
enum Paragraph<'e> {
    Section(&'e str),
    Text(String),
    /// Keys, each with its default (or what the example has), and what is said of them.
    Keys {
        keys: Vec<(&'e str, &'e str)>,
        text: String,
    },
}

impl Paragraph<'_> {
    fn write(&self, page: &mut Roff) {
        match self {
            Self::Section(name) => page.control("SH", [*name]),
            Self::Text(text) => page.control("PP", [""; 0]).text([roman(text)]),
            Self::Keys { keys, text } => {
                for (number, (name, value)) in keys.iter().enumerate() {
                    page.control(if number == 0 { "TP" } else { "TQ" }, [""; 0]);
                    page.text([bold(*name), roman(" = "), italic(*value)]);
                }
                page.text([roman(text)])
            }
        };
    }
}

fn paragraphs(example: &str) -> Vec<Paragraph<'_>> {
    let mut found = Vec::new();
    for block in example.split("\n\n").map(str::trim).filter(|block| !block.is_empty()) {
        let (mut said, mut keys) = (Vec::new(), Vec::new());
        for line in block.lines() {
            if line.starts_with('[') {
                found.push(Paragraph::Section(line));
                continue;
            }
            match setting(line.strip_prefix("# ").unwrap_or(line)) {
                Some(setting) => keys.push(setting),
                None => said.push(line.trim_start_matches('#').trim()),
            }
        }
        let text = said.join(" ").trim().to_owned();
        if !keys.is_empty() {
            found.push(Paragraph::Keys { keys, text });
        } else if !text.is_empty() {
            found.push(Paragraph::Text(text));
        }
    }
    found
}

/// `name = value`, if the line is that.
fn setting(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once(" = ")?;
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    is_name.then_some((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn the_page_has_every_key_with_its_text_and_every_section() {
        let defaults = Config::new("/srv/h5inbox/inbox".into(), "/srv/h5inbox/outbox".into());
        let table: toml::Table = defaults.to_toml().parse().unwrap();
        let found = paragraphs(EXAMPLE);
        let told = |key: &str| {
            found.iter().any(|paragraph| match paragraph {
                Paragraph::Keys { keys, text } => keys.iter().any(|(name, _)| *name == key) && text.len() > 20,
                _ => false,
            })
        };
        for (name, value) in &table {
            match value {
                toml::Value::Table(keys) => {
                    assert!(found.contains(&Paragraph::Section(&format!("[{name}]"))), "[{name}]");
                    keys.keys().for_each(|key| assert!(told(key), "{name}.{key}"));
                }
                _ => assert!(told(name), "{name}"),
            }
        }
    }

    #[test]
    fn a_page_is_what_man_reads() {
        let page = page();
        assert!(page.contains(".TH h5inbox.toml 5") && page.contains(".SH [output]"), "{page}");
        assert!(page.contains("\\fBsettle_ms\\fR = \\fI500\\fR"), "{page}");
    }
}
