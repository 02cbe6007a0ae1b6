//! Numbers and escapes by themselves, outside any record: for the benchmark of the stages.

use super::super::super::frame::column::Column;
use super::{PADDING, Text, number, text};

/// Reads the numbers of `lines`, one on each, behind which there are [`PADDING`] bytes, and tells how many they are.
pub(crate) fn numbers(lines: &[u8]) -> usize {
    let text = padded(lines);
    let (mut column, mut at) = (Column::default(), 0);
    while at < text.end {
        at = number::push(&text, at, &mut column).expect("a number") + 1;
    }
    column.len()
}

/// Unescapes the texts of `lines`, one in quotes on each, behind which there are [`PADDING`] bytes, and tells how many they
/// are.
pub(crate) fn escapes(lines: &[u8]) -> usize {
    let text = padded(lines);
    let (mut scratch, mut at, mut count) = (Vec::new(), 0, 0);
    while at < text.end {
        at = text::unescape(&text, at + 1, &mut scratch).expect("a text") + 1;
        count += 1;
    }
    count
}

fn padded(lines: &[u8]) -> Text<'_> {
    Text { bytes: lines, end: lines.len() - PADDING, clean: true, breaks: false }
}
