//! Values as pickle opcodes (protocol 4): the form in which pandas stores Python objects, and in which a [`Column`]
//! keeps text and nested values, so that a writer copies bytes and interprets nothing.
//!
//! Opcodes: Python's `pickletools`. A set of duplicate keys in a dict needs no care: as in `json.loads`, the unpickler
//! keeps the first position and the last value.
//!
//! [`Column`]: super::column::Column

/// Appends `None`.
pub(crate) fn none(out: &mut Vec<u8>) {
    out.push(b'N');
}

/// Appends `True` or `False`.
pub(crate) fn bool(out: &mut Vec<u8>, value: bool) {
    out.push(if value { 0x88 } else { 0x89 });
}

/// Appends an `int` that fits 64 bits.
pub(crate) fn int(out: &mut Vec<u8>, value: i64) {
    if let Ok(small) = u8::try_from(value) {
        out.extend_from_slice(&[b'K', small]);
    } else if let Ok(short) = u16::try_from(value) {
        out.push(b'M');
        out.extend_from_slice(&short.to_le_bytes());
    } else if let Ok(word) = i32::try_from(value) {
        out.push(b'J');
        out.extend_from_slice(&word.to_le_bytes());
    } else {
        out.extend_from_slice(&[0x8a, 8]);
        out.extend_from_slice(&value.to_le_bytes());
    }
}

/// Appends an `int` above the signed 64 bits.
pub(crate) fn uint(out: &mut Vec<u8>, value: u64) {
    if let Ok(small) = i64::try_from(value) {
        return int(out, small);
    }
    out.extend_from_slice(&[0x8a, 9]);
    out.extend_from_slice(&value.to_le_bytes());
    out.push(0);
}

/// Appends an `int` of any size, given in decimal.
pub(crate) fn big_int(out: &mut Vec<u8>, decimal: &[u8]) {
    out.push(b'L');
    out.extend_from_slice(decimal);
    out.extend_from_slice(b"L\n");
}

/// Appends a `float`.
pub(crate) fn float(out: &mut Vec<u8>, value: f64) {
    out.push(b'G');
    out.extend_from_slice(&value.to_bits().to_be_bytes());
}

/// Appends a `str` from its UTF-8 bytes (a lone surrogate as the three bytes of its code point, as Python's
/// `surrogatepass` has it).
#[inline]
pub(crate) fn text(out: &mut Vec<u8>, utf8: &[u8]) {
    if let Ok(short) = u8::try_from(utf8.len()) {
        out.extend_from_slice(&[0x8c, short]);
    } else if let Ok(length) = u32::try_from(utf8.len()) {
        out.push(b'X');
        out.extend_from_slice(&length.to_le_bytes());
    } else {
        out.push(0x8d);
        out.extend_from_slice(&(utf8.len() as u64).to_le_bytes());
    }
    out.extend_from_slice(utf8);
}

/// Appends the beginning of a list or dict; [`close_list`] or [`close_dict`] ends it, unless it is `empty`.
pub(crate) fn open(out: &mut Vec<u8>, dict: bool, empty: bool) {
    out.push(if dict { b'}' } else { b']' });
    if !empty {
        out.push(b'(');
    }
}

/// Ends a list that has items.
pub(crate) fn close_list(out: &mut Vec<u8>) {
    out.push(b'e');
}

/// Ends a dict that has items.
pub(crate) fn close_dict(out: &mut Vec<u8>) {
    out.push(b'u');
}
