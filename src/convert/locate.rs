//! The place of a defect that was found when the text was gone already: the source is read once more, up to the record.
//!
//! Only a source that is refused comes here. What is told does not hang on it: if the source cannot be read again, or is
//! not what it was, the defect stays as it is.

use std::fs::File;
use std::io::Seek;
use std::ops::ControlFlow;

use super::ConvertError;
use super::defect::Defect;
use super::input::{Batch, BatchReader, ReadOptions, RecordSpan, break_length, first_line_end};
use super::parse::fault;
use crate::source::Identity;

/// `defect` with its byte and excerpt in `source`, which was `identity` when it was read first; with `flatten`, members of
/// objects in records are columns.
pub(super) fn locate(
    mut source: &File,
    identity: Identity,
    options: ReadOptions,
    flatten: bool,
    defect: Defect,
) -> Defect {
    if defect.byte.is_some() || (defect.line.is_none() && defect.record.is_none()) {
        return defect;
    }
    let mut search = Search { defect: &defect, flatten, passed: 0, found: None };
    let read = source.rewind().map_err(ConvertError::Read).and_then(|()| search.read(source, options));
    let now = source.metadata().map(|metadata| Identity::of(&metadata));
    let unchanged = now.is_ok_and(|now| now.size == identity.size && now.mtime_ns == identity.mtime_ns);
    search.found.filter(|_| read.is_ok() && unchanged).map_or_else(|| defect.clone(), |(found, _)| found)
}

/// The search for the record of a defect.
struct Search<'d> {
    defect: &'d Defect,
    flatten: bool,
    /// Records of a document before the batch at hand.
    passed: u64,
    /// The defect with its place, and whether that is the only record that can be meant.
    found: Option<(Defect, bool)>,
}

impl Search<'_> {
    fn read(&mut self, source: &File, options: ReadOptions) -> Result<(), ConvertError> {
        let mut reader = BatchReader::new(source, options, false);
        while let Some(batch) = reader.next_batch()? {
            let looked = match &batch.records {
                None => self.lines(&batch),
                Some(spans) => self.spans(&batch, spans),
            };
            if looked.is_break() {
                break;
            }
        }
        // Of several records on one line none is better than the other.
        self.found = self.found.take().filter(|(_, only)| *only);
        Ok(())
    }

    /// Each line is a record, so that the line says which.
    fn lines(&mut self, batch: &Batch) -> ControlFlow<()> {
        let Some(line) = self.defect.line else { return ControlFlow::Break(()) };
        let Some(before) = line.checked_sub(batch.first_line) else { return ControlFlow::Break(()) };
        let mut start = 0;
        for _ in 0..before {
            start += line_length(&batch.bytes[start..batch.end]);
            if start == batch.end {
                return ControlFlow::Continue(());
            }
        }
        let rest = &batch.bytes[start..batch.end];
        let record = &rest[..first_line_end(rest).unwrap_or(rest.len())];
        self.found = Some((fault::point(self.defect.clone(), record, batch.offset + start as u64, self.flatten), true));
        ControlFlow::Break(())
    }

    fn spans(&mut self, batch: &Batch, spans: &[RecordSpan]) -> ControlFlow<()> {
        for (number, span) in (self.passed..).zip(spans) {
            let record = &batch.bytes[span.start..span.end];
            let pointed = || {
                let defect = Defect { line: Some(span.line), ..self.defect.clone() };
                fault::point(defect, record, batch.offset + span.start as u64, self.flatten)
            };
            match (self.defect.record, self.defect.line) {
                (Some(wanted), _) if wanted == number => {
                    self.found = Some((pointed(), true));
                    return ControlFlow::Break(());
                }
                (None, Some(line)) if span.line > line => return ControlFlow::Break(()),
                (None, Some(line)) if span.line == line => {
                    let certain = self.defect.code == "lone_surrogate"
                        && fault::place(self.defect, record, self.flatten).is_some();
                    self.found = Some((pointed(), certain || self.found.is_none()));
                    if certain {
                        return ControlFlow::Break(());
                    }
                }
                _ => {}
            }
        }
        self.passed += spans.len() as u64;
        ControlFlow::Continue(())
    }
}

/// Length of the line that `rest` begins with, its line break included.
fn line_length(rest: &[u8]) -> usize {
    let end = first_line_end(rest).unwrap_or(rest.len());
    end + break_length(&rest[end..])
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::config::Input;
    use crate::convert::deadline::Deadline;

    fn options() -> ReadOptions {
        ReadOptions {
            input: Input::Auto,
            batch_bytes: 64,
            record_bytes: 1 << 20,
            skip_long: false,
            file_bytes: 0,
            depth: 512,
            decompression_ratio: 1000,
            deadline: Deadline::in_secs(3600),
        }
    }

    fn file(text: &[u8]) -> (File, Identity) {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text).unwrap();
        let identity = Identity::of(&file.metadata().unwrap());
        (file, identity)
    }

    /// What stands in `text` at the place of `defect`, and the line that is told.
    fn found(text: &str, defect: &Defect) -> Option<(u64, String)> {
        let (source, identity) = file(text.as_bytes());
        let input = if text.starts_with('[') { Input::Document } else { Input::Auto };
        let located = locate(&source, identity, ReadOptions { input, ..options() }, false, defect.clone());
        let Some(byte) = located.byte else {
            assert_eq!(&located, defect, "as it was");
            return None;
        };
        let shown = located.excerpt.clone().unwrap();
        assert!(!shown.is_empty() && shown.chars().count() < 200, "{shown}");
        Some((located.line.unwrap(), text[usize::try_from(byte).unwrap()..].chars().take(5).collect()))
    }

    fn of_record(record: u64, column: &str) -> Defect {
        Defect { record: Some(record), ..Defect::misfit(1, column, "no") }
    }

    /// Texts of 40 records that hold their number: one a line, some blank; an array on one line, and one over lines.
    fn texts() -> [String; 3] {
        let records: Vec<_> = (0..40).map(|n| format!("{{\"n\": {n}0000, \"b\": \"é\"}}")).collect();
        [
            format!("\u{feff}\n\n{}\r\n", records.join("\r\n \r\n")),
            format!("[{}]", records.join(",")),
            format!("[\n{}\n]", records.join(",\n").replace(", \"b", ",\n\"b")),
        ]
    }

    #[test]
    fn a_record_is_found_by_its_line_or_its_number_in_whatever_batch_it_is() {
        let [lines, one_line, over_lines] = texts();
        for n in [0, 1, 17, 39] {
            let value = format!("{n}0000").chars().take(5).collect::<String>();
            assert_eq!(found(&lines, &Defect::misfit(3 + 2 * n, "n", "no")), Some((3 + 2 * n, value.clone())));
            assert_eq!(found(&one_line, &of_record(n, "n")), Some((1, value.clone())));
            assert_eq!(found(&over_lines, &Defect::misfit(2 + 2 * n, "n", "no")), Some((2 + 2 * n, value.clone())));
            let second = found(&over_lines, &of_record(n, "b"));
            assert_eq!(second.map(|(line, text)| (line, text.starts_with("\"é\""))), Some((3 + 2 * n, true)));
            assert_eq!(found(&one_line, &of_record(n, "none")), Some((1, "{\"n\":".to_owned())), "its beginning");
        }
        assert_eq!(found(&lines, &Defect::misfit(99, "n", "no")), None);
        assert_eq!(found(&one_line, &of_record(40, "n")), None);
    }

    #[test]
    fn of_several_records_on_a_line_one_is_told_only_if_it_is_certain() {
        let text = "[{\"t\": \"x\"}, {\"t\": \"\\ud800\"}, {\"t\": \"\\ud801\"}]";
        assert_eq!(found(text, &Defect::lone_surrogate(1, "t")), Some((1, "\\ud80".to_owned())));
        assert_eq!(found(text, &Defect::misfit(1, "t", "no")), None);
        assert_eq!(found("[{\"t\": \"x\"}]", &Defect::misfit(1, "t", "no")), Some((1, "\"x\"}]".to_owned())));
    }

    #[test]
    fn a_long_line_is_shown_in_part_and_a_source_that_changed_not_at_all() {
        let long = format!("{{\"a\": 1, \"x\": \"{}\", \"t\": 2}}\n", "y".repeat(100_000));
        assert_eq!(found(&long, &Defect::misfit(1, "t", "no")), Some((1, "2}\n".to_owned())));
        let (source, identity) = file(long.as_bytes());
        let defect = Defect::misfit(1, "t", "no");
        let other = Identity { size: 5, ..identity };
        assert_eq!(locate(&source, other, options(), false, defect.clone()), defect);
        let slow = ReadOptions { deadline: Deadline::in_secs(0), ..options() };
        assert_eq!(locate(&source, identity, slow, false, defect.clone()), defect);
        let whole = Defect::too_slow(1);
        assert_eq!(locate(&source, identity, options(), false, whole.clone()), whole);
    }
}
