//! The manual page of the configuration file, made of `config.example.toml`, which says all of it already.

use roff::{Inline, Roff, bold, italic, roman};

const EXAMPLE: &str = include_str!("../../config.example.toml");

/// `h5inbox.toml(5)`.
pub(super) fn configuration() -> String {
    let mut page = Roff::new();
    page.control("TH", ["h5inbox.toml", "5", "", concat!("h5inbox ", env!("CARGO_PKG_VERSION"))]);
    page.control("SH", ["NAME"]);
    page.text([roman("h5inbox.toml - configuration of the h5inbox agent")]);
    page.control("SH", ["DESCRIPTION"]);
    for paragraph in paragraphs(EXAMPLE) {
        match paragraph {
            Paragraph::Section(name) => drop(page.control("SH", [name])),
            Paragraph::Text(text) => drop(page.control("PP", [""; 0]).text([roman(text)])),
            Paragraph::Key { name, value, text } => key(&mut page, &name, &value, &text),
        }
    }
    page.control("SH", ["SEE ALSO"]);
    page.text([bold("h5inbox"), roman("(1), "), bold("glob"), roman("(7), "), bold("strftime"), roman("(3)")]);
    page.render()
}

fn key(page: &mut Roff, name: &str, value: &str, text: &str) {
    page.control("TP", [""; 0]);
    let line: Vec<Inline> = vec![bold(name), roman(" = "), italic(value)];
    page.text(line);
    page.text([roman(text)]);
}

/// What stands between two blank lines of the example.
#[derive(Debug, PartialEq, Eq)]
enum Paragraph {
    Section(String),
    Text(String),
    /// A key, its default (or what the example has), and what is said of it.
    Key { name: String, value: String, text: String },
}

fn paragraphs(example: &str) -> Vec<Paragraph> {
    let mut found = Vec::new();
    for block in example.split("\n\n").map(str::trim).filter(|block| !block.is_empty()) {
        let (mut said, mut keys) = (Vec::new(), Vec::new());
        for line in block.lines() {
            let bare = line.strip_prefix("# ").unwrap_or(line);
            if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                found.push(Paragraph::Section(format!("[{name}]")));
            } else if let Some(setting) = setting(bare) {
                keys.push(setting);
            } else {
                said.push(bare.trim_start_matches('#').trim());
            }
        }
        let text = said.join(" ").trim().to_owned();
        match keys.pop() {
            Some((name, value)) => found.push(Paragraph::Key { name, value, text }),
            None if text.is_empty() => {}
            None => found.push(Paragraph::Text(text)),
        }
    }
    found
}

/// `name = value`, if the line is that.
fn setting(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once(" = ")?;
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    is_name.then(|| (name.to_owned(), value.to_owned()))
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
            found.iter().any(|p| matches!(p, Paragraph::Key { name, text, .. } if name == key && text.len() > 20))
        };
        for (name, value) in &table {
            match value {
                toml::Value::Table(keys) => {
                    assert!(found.contains(&Paragraph::Section(format!("[{name}]"))), "[{name}]");
                    keys.keys().for_each(|key| assert!(told(key), "{name}.{key}"));
                }
                _ => assert!(told(name), "{name}"),
            }
        }
    }

    #[test]
    fn a_page_is_what_man_reads() {
        let page = configuration();
        assert!(page.contains(".TH h5inbox.toml 5") && page.contains(".SH [output]"), "{page}");
        assert!(page.contains("\\fBsettle_ms\\fR = \\fI500\\fR"), "{page}");
    }
}
