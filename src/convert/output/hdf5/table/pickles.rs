//! What pandas keeps in attributes as pickles: lists of names, and where the index is. Protocol 0 without a memo, which
//! every Python reads: text all the way.

/// `None`
pub(super) const NONE: &[u8] = b"N";

/// A finished pickle of `value`.
pub(super) fn finished(mut value: Vec<u8>) -> Vec<u8> {
    value.push(b'.');
    value
}

/// A `str`: printable ASCII as it is, everything else escaped.
pub(super) fn text(value: &str) -> Vec<u8> {
    let mut out = b"V".to_vec();
    for char in value.chars() {
        match char {
            '\\' => out.extend_from_slice(b"\\u005c"),
            ' '..='~' => out.push(char as u8),
            '\0'..='\u{ffff}' => out.extend_from_slice(format!("\\u{:04x}", u32::from(char)).as_bytes()),
            _ => out.extend_from_slice(format!("\\U{:08x}", u32::from(char)).as_bytes()),
        }
    }
    out.push(b'\n');
    out
}

/// An `int`.
pub(super) fn int(value: usize) -> Vec<u8> {
    format!("I{value}\n").into_bytes()
}

/// A `list`.
pub(super) fn list(items: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut out = b"(l".to_vec();
    for item in items {
        out.extend_from_slice(&item);
        out.push(b'a');
    }
    out
}

/// A `tuple`.
pub(super) fn tuple(items: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut out = b"(".to_vec();
    items.into_iter().for_each(|item| out.extend_from_slice(&item));
    out.push(b't');
    out
}

/// A `dict`.
pub(super) fn dict(items: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) -> Vec<u8> {
    let mut out = b"(d".to_vec();
    for (key, value) in items {
        out.extend_from_slice(&key);
        out.extend_from_slice(&value);
        out.push(b's');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pickles_are_those_of_pythons_protocol_0() {
        let index = list([tuple([int(0), text("index")])]);
        assert_eq!(finished(index), b"(l(I0\nVindex\nta.");
        assert_eq!(dict([(int(1), list([NONE.to_vec()]))]), b"(dI1\n(lNas");
        assert_eq!(text("a\\b\n\0é€😀~"), b"Va\\u005cb\\u000a\\u0000\\u00e9\\u20ac\\U0001f600~\n");
    }
}
