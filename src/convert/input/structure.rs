//! Where an array or object ends: a scanner for brackets and texts only, 64 bytes at a time.
//!
//! What is between them is for the parser to judge. A bracket that closes what is not open, a line break inside a text
//! and nesting beyond the limit end the scan at once: up to there the parser finds the fault, and nothing behind it
//! could mend it.

use wide::u8x64;

/// How far a scan came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scan {
    /// To the end of the bytes at hand.
    More,
    /// To the end of the value, which is so many bytes after its beginning.
    End(usize),
    /// To something that makes the value invalid, which is the last of so many bytes.
    Broken(usize),
}

/// A scan of one array or object, which may go on when more bytes are there.
#[derive(Debug, Default)]
pub(super) struct Structure {
    /// Bytes scanned.
    at: usize,
    /// All ones inside a text, else 0.
    in_text: u64,
    /// 1 if the next byte is escaped.
    escaped: u64,
    /// 1 if the last byte was a carriage return.
    after_cr: u64,
    /// Line breaks scanned.
    lines: u64,
    /// What is open; true is an object.
    open: Vec<bool>,
    depth_limit: usize,
}

const BLOCK: usize = 64;

impl Structure {
    /// A scan from the beginning of a value.
    pub(super) fn new(depth_limit: usize) -> Self {
        Self { depth_limit, ..Self::default() }
    }

    /// Begins another value.
    pub(super) fn restart(&mut self) {
        self.open.clear();
        (self.at, self.in_text, self.escaped, self.after_cr, self.lines) = (0, 0, 0, 0, 0);
    }

    /// Scans on in `value`, the bytes from the beginning of the value on. Without `all` more may come, and the last few
    /// bytes are left for then.
    pub(super) fn scan(&mut self, value: &[u8], all: bool) -> Scan {
        while let Some(block) = value[self.at..].first_chunk::<BLOCK>() {
            if let Some(scan) = self.block(block) {
                return scan;
            }
            self.at += BLOCK;
        }
        if !all || self.at == value.len() {
            return Scan::More;
        }
        let rest = &value[self.at..];
        let mut block = [b' '; BLOCK];
        block[..rest.len()].copy_from_slice(rest);
        self.block(&block).unwrap_or(Scan::More)
    }

    /// Line breaks in what was scanned; of a value that ended, all of its.
    pub(super) fn lines(&self) -> u64 {
        self.lines
    }

    fn block(&mut self, bytes: &[u8; BLOCK]) -> Option<Scan> {
        let v = u8x64::from(*bytes);
        let is = |byte: u8| v.simd_eq(u8x64::splat(byte)).to_bitmask();
        let (feeds, returns) = (is(b'\n'), is(b'\r'));
        let quotes = is(b'"') & !self.escapes(is(b'\\'));
        let in_text = prefix_xor(quotes) ^ self.in_text;
        // `{` and `[`, `}` and `]` differ by one bit.
        let folded = v | u8x64::splat(0x20);
        let brackets = (folded.simd_eq(u8x64::splat(b'{')) | folded.simd_eq(u8x64::splat(b'}'))).to_bitmask();
        let breaks = returns | (feeds & !(returns << 1 | self.after_cr));
        let broken_text = (feeds | returns) & in_text;
        let scan = self.follow(bytes, brackets & !in_text, broken_text.trailing_zeros());
        let seen = match scan {
            Some(Scan::End(end)) => breaks & ones(end - self.at),
            _ => breaks,
        };
        self.lines += u64::from(seen.count_ones());
        (self.in_text, self.after_cr) = ((in_text.cast_signed() >> 63).cast_unsigned(), returns >> 63);
        scan
    }

    /// Opens and closes as the `brackets` say, up to the byte `stop`.
    fn follow(&mut self, bytes: &[u8; BLOCK], mut brackets: u64, stop: u32) -> Option<Scan> {
        while brackets != 0 && brackets.trailing_zeros() < stop {
            let at = brackets.trailing_zeros() as usize;
            brackets &= brackets - 1;
            let (byte, behind) = (bytes[at], self.at + at + 1);
            match byte {
                b'{' | b'[' if self.open.len() == self.depth_limit => return Some(Scan::Broken(behind)),
                b'{' | b'[' => self.open.push(byte == b'{'),
                _ if self.open.pop() != Some(byte == b'}') => return Some(Scan::Broken(behind)),
                _ if self.open.is_empty() => return Some(Scan::End(behind)),
                _ => {}
            }
        }
        (stop < 64).then(|| Scan::Broken(self.at + stop as usize + 1))
    }

    /// The bytes that a backslash escapes: every second one of a run of backslashes, and the byte behind an odd run.
    fn escapes(&mut self, backslashes: u64) -> u64 {
        const EVEN: u64 = 0x5555_5555_5555_5555;
        if backslashes == 0 {
            return std::mem::take(&mut self.escaped);
        }
        let backslashes = backslashes & !self.escaped;
        let follows = backslashes << 1 | self.escaped;
        let odd_starts = backslashes & !EVEN & !follows;
        let (carried, overflow) = odd_starts.overflowing_add(backslashes);
        self.escaped = u64::from(overflow);
        (EVEN ^ (carried << 1)) & follows
    }
}

/// So many ones from the lowest bit on.
fn ones(count: usize) -> u64 {
    if count >= 64 { u64::MAX } else { (1 << count) - 1 }
}

/// Each bit becomes the parity of itself and all lower ones: from an opening quote to before the closing one, ones.
fn prefix_xor(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn whole(value: &[u8]) -> (Scan, u64) {
        let mut structure = Structure::new(4);
        (structure.scan(value, true), structure.lines())
    }

    /// The same byte by byte, as anybody would write it.
    fn plainly(value: &[u8], depth: usize) -> (Scan, u64) {
        let (mut text, mut escaped, mut open, mut lines, mut before) = (false, false, Vec::new(), 0, 0);
        for (at, &byte) in value.iter().enumerate() {
            lines += u64::from(byte == b'\r' || (byte == b'\n' && before != b'\r'));
            before = byte;
            // Outside texts a backslash is wrong anyway; the scanner takes it as it does inside.
            let is_escaped = std::mem::take(&mut escaped);
            escaped = byte == b'\\' && !is_escaped;
            match byte {
                b'"' if !is_escaped => text = !text,
                b'\n' | b'\r' if text => return (Scan::Broken(at + 1), lines),
                _ if text => {}
                b'{' | b'[' if open.len() == depth => return (Scan::Broken(at + 1), lines),
                b'{' | b'[' => open.push(byte + 2),
                b'}' | b']' if open.pop() != Some(byte) => return (Scan::Broken(at + 1), lines),
                b'}' | b']' if open.is_empty() => return (Scan::End(at + 1), lines),
                _ => {}
            }
        }
        (Scan::More, lines)
    }

    #[test]
    fn a_value_ends_where_its_first_bracket_is_closed() {
        assert_eq!(whole(b"{\"a\": [1, {}]}, 2"), (Scan::End(14), 0));
        assert_eq!(whole(b"[\"]\\\"]\", \"\\\\\"]"), (Scan::End(14), 0));
        assert_eq!(whole(b"[\n1,\r\n2\r3\n]\n"), (Scan::End(11), 4));
        assert_eq!(whole(b"[[1]"), (Scan::More, 0));
    }

    #[test]
    fn what_nothing_can_mend_ends_the_scan() {
        assert_eq!(whole(b"{\"a\": [1, 2}").0, Scan::Broken(12));
        assert_eq!(whole(b"[\"a\nb\"]").0, Scan::Broken(4));
        assert_eq!(whole(b"[[[[[").0, Scan::Broken(5));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn blocks_see_what_bytes_see_however_the_value_arrives(
            tail in "[\\[\\]{}\"\\\\ax,\n\r]{0,200}", steps in proptest::collection::vec(1..90_usize, 0..8)
        ) {
            let value = [b"[".as_slice(), tail.as_bytes()].concat();
            let mut structure = Structure::new(9);
            let mut arrived = 0;
            let mut scan = Scan::More;
            for step in steps {
                arrived = value.len().min(arrived + step);
                scan = structure.scan(&value[..arrived], false);
                if scan != Scan::More {
                    break;
                }
            }
            if scan == Scan::More {
                scan = structure.scan(&value, true);
            }
            let expected = plainly(&value, 9);
            prop_assert_eq!(scan, expected.0);
            if matches!(scan, Scan::End(_)) {
                prop_assert_eq!(structure.lines(), expected.1);
            }
        }
    }
}
