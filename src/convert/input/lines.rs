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

/// Bytes that are looked at together, fewer than a byte can count.
const SURVEYED: usize = 192;

/// What is known of a text before any of it is parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Survey {
    /// Whether no control character is in it but line feeds.
    pub(crate) clean: bool,
    /// Line breaks: LF, CR LF and lone CR each count once.
    pub(crate) breaks: u64,
}

impl Survey {
    /// What is known of `text`.
    pub(crate) fn of(text: &[u8]) -> Self {
        let (mut all, mut feeds) = (1, 0);
        // Without a branch in the inner loop, and with a sum that fits a byte, many bytes are looked at in one step.
        for chunk in text.chunks(SURVEYED) {
            let mut found = 0u8;
            for byte in chunk {
                let (feed, plain) = (u8::from(*byte == b'\n'), u8::from(*byte >= 0x20));
                all &= feed | plain;
                found += feed;
            }
            feeds += u64::from(found);
        }
        let clean = all == 1;
        Self { clean, breaks: if clean { feeds } else { count_lines(text) } }
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
    fn a_survey_of_any_length_counts_every_line_break_and_finds_every_control_character() {
        for length in (0..600).chain([SURVEYED * 50 + 7]) {
            let feeds = Survey::of(&vec![b'\n'; length]);
            assert_eq!(feeds, Survey { clean: true, breaks: length as u64 });
            let mut text = vec![b'x'; length + 1];
            text[length / 2] = b'\t';
            assert_eq!(Survey::of(&text), Survey { clean: false, breaks: 0 });
            text[length / 2] = b'\r';
            assert_eq!(Survey::of(&text), Survey { clean: false, breaks: 1 });
        }
    }

    #[test]
    fn line_breaks_of_each_kind_count_once() {
        assert_eq!(count_lines(b"a\nb\r\nc\rd\r\r\n"), 5);
    }
}
