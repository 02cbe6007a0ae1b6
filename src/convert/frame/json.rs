//! Pieces of JSON as Python's `json` writes them.

/// Appends the comma before item or member `number` of a list or object.
pub(crate) fn separate(out: &mut Vec<u8>, number: usize) {
    if number > 0 {
        out.push(b',');
    }
}

/// Appends a text in quotes, with the escapes that Python's `json` writes.
pub(crate) fn write_text(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        at += 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0c => out.extend_from_slice(b"\\f"),
            0..0x20 => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            0xed if text.get(at).is_some_and(|second| *second >= 0xa0) => {
                at += write_surrogate(out, &text[at..]);
            }
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

/// Appends the escape of the surrogate whose second and third byte `rest` begins with, and tells how many these are.
fn write_surrogate(out: &mut Vec<u8>, rest: &[u8]) -> usize {
    let bits = |index: usize| u32::from(rest.get(index).copied().unwrap_or(0x80) & 0x3f);
    let code = 0xd000 | bits(0) << 6 | bits(1);
    out.extend_from_slice(format!("\\u{code:04x}").as_bytes());
    2
}
