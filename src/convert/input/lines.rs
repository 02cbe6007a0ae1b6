//! Where lines end: at LF, CR LF or a lone CR, as in Python's universal newlines.

/// Where the last whole line ends, its line break included; 0 if there is none. A carriage return at the very end may
/// be half of CR LF, and does not count.
pub(super) fn last_line_end(bytes: &[u8]) -> usize {
    if bytes.last() == Some(&b'\n') {
        return bytes.len();
    }
    let inner = bytes.len().saturating_sub(1);
    memchr::memrchr2(b'\n', b'\r', &bytes[..inner]).map_or(0, |at| at + 1)
}

/// Where the first line ends, its line break not included; `None` if no line break is there.
#[inline]
pub(crate) fn first_line_end(bytes: &[u8]) -> Option<usize> {
    memchr::memchr2(b'\n', b'\r', bytes)
}

/// Length of the line break that `rest` begins with; 0 if nothing is left.
#[inline]
pub(crate) fn break_length(rest: &[u8]) -> usize {
    match rest {
        [b'\r', b'\n', ..] => 2,
        [] => 0,
        _ => 1,
    }
}

/// Line breaks in `bytes`: LF, CR LF and lone CR each count once.
pub(crate) fn count_lines(bytes: &[u8]) -> u64 {
    let feeds = memchr::memchr_iter(b'\n', bytes).count();
    let lone = memchr::memchr_iter(b'\r', bytes).filter(|at| bytes.get(at + 1) != Some(&b'\n')).count();
    (feeds + lone) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_carriage_return_at_the_end_of_what_was_read_waits_for_its_line_feed() {
        assert_eq!(last_line_end(b"1\n2\r"), 2);
        assert_eq!(last_line_end(b"1\r2\r3"), 4);
        assert_eq!(last_line_end(b"12"), 0);
    }

    #[test]
    fn line_breaks_of_each_kind_count_once() {
        assert_eq!(count_lines(b"a\nb\r\nc\rd\r\r\n"), 5);
    }
}
