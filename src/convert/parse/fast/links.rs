//! What stood between two values, and which column came next: remembered to be recognised in a few instructions.

use super::PADDING;

/// What follows on a column (or on the start of a record).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A value of this column.
    Column(u32),
    /// Nothing: the record has ended.
    End,
}

/// The node before the first value of a record.
pub(super) const START: usize = 0;

/// The node behind a value of `column`.
#[inline]
pub(super) fn node_of(column: u32) -> usize {
    column as usize + 1
}

/// Links remembered for each node: layouts alternate, optional keys come and go.
const WAYS: usize = 4;

const WORDS: usize = PADDING / 8;

/// For each length, the words in which just so many bytes are set. None are for length 0, which fits nothing.
const MASKS: [[u64; WORDS]; PADDING + 1] = {
    let mut masks = [[0; WORDS]; PADDING + 1];
    let mut length = 0;
    while length <= PADDING {
        let mut byte = 0;
        while byte < length {
            masks[length][byte / 8] |= 0xff << (byte % 8 * 8);
            byte += 1;
        }
        length += 1;
    }
    masks
};

/// Bytes as they stood in the source, from the end of one value to the beginning of the next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    words: [u64; WORDS],
    next: Next,
    /// 0 for no link.
    length: u8,
}

impl Link {
    const NONE: Self = Self { words: [0; WORDS], next: Next::End, length: 0 };

    fn new(bytes: &[u8], next: Next) -> Self {
        let mut content = [0; PADDING];
        content[..bytes.len()].copy_from_slice(bytes);
        Self { words: words_of(&content), next, length: u8::try_from(bytes.len()).unwrap_or(0) }
    }

    #[inline]
    fn fits(&self, window: &[u64; WORDS]) -> bool {
        let masks = &MASKS[usize::from(self.length)];
        let differ = |i: usize| (window[i] ^ self.words[i]) & masks[i];
        (differ(0) | differ(1) | differ(2) | differ(3)) == 0 && self.length > 0
    }
}

#[inline]
fn words_of(bytes: &[u8; PADDING]) -> [u64; WORDS] {
    let (words, _) = bytes.as_chunks::<8>();
    std::array::from_fn(|i| u64::from_le_bytes(words[i]))
}

/// All links of a batch, by the node they start from, the one used last first.
#[derive(Default)]
pub(super) struct Links {
    nodes: Vec<[Link; WAYS]>,
    /// Nodes from which something was learned since the record at hand began.
    fresh: Vec<usize>,
}

impl Links {
    /// What comes next after `node`, and how many bytes stand before it, if that is known.
    #[inline]
    pub(super) fn follow(&mut self, node: usize, window: &[u8; PADDING]) -> Option<(Next, usize)> {
        let links = self.nodes.get_mut(node)?;
        let words = words_of(window);
        if links[0].fits(&words) {
            return Some((links[0].next, usize::from(links[0].length)));
        }
        let way = (1..WAYS).find(|way| links[*way].fits(&words))?;
        links.swap(0, way);
        Some((links[0].next, usize::from(links[0].length)))
    }

    /// Remembers that `bytes` lead from `node` to `next`, which it returns; long ones are looked up each time.
    pub(super) fn learn(&mut self, node: usize, bytes: &[u8], next: Next) -> Next {
        if bytes.len() <= PADDING {
            if self.nodes.len() <= node {
                self.nodes.resize(node + 1, [Link::NONE; WAYS]);
            }
            let links = &mut self.nodes[node];
            links.rotate_right(1);
            links[0] = Link::new(bytes, next);
            self.fresh.push(node);
        }
        next
    }

    /// The record at hand has ended.
    #[inline]
    pub(super) fn end_record(&mut self) {
        self.fresh.clear();
    }

    /// Forgets the columns that were taken back with the record at hand.
    pub(super) fn forget_columns_from(&mut self, width: usize) {
        self.nodes.truncate(node_of(u32::try_from(width).unwrap_or(u32::MAX)));
        for node in self.fresh.drain(..) {
            for link in self.nodes.get_mut(node).into_iter().flatten() {
                if matches!(link.next, Next::Column(column) if column as usize >= width) {
                    *link = Link::NONE;
                }
            }
        }
    }
}
