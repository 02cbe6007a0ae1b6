//! Parts become one frame, one after the other, in the order of the source. What a part knows of its columns goes into
//! the totals at once, so that of each part nothing stays but its cells, which may be elsewhere.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::super::defect::Defect;
use super::memo;
use super::part::{MEMBER, Part, SOURCE, label_of};
use super::piece::{NOWHERE, Piece, Places};
use super::totals::{Spot, Totals};
use super::{Labels, LineKind};

/// The columns of all parts so far.
#[derive(Clone, Debug)]
pub(crate) struct Joiner {
    kind: Option<LineKind>,
    /// The columns by key, and their keys in order.
    known: HashMap<Arc<[u8]>, u32, foldhash::fast::RandomState>,
    keys: Vec<Arc<[u8]>>,
    totals: Vec<Totals>,
    rows: u64,
    /// Records, blank lines and records left out.
    records: u64,
    /// The first record of all.
    first: Option<Spot>,
    /// The keys of the last part, and where they belong.
    last: Option<(Vec<Box<[u8]>>, Places)>,
    /// Bytes that memos may still take.
    memo_room: usize,
    /// What the column is called that tells where rows come from, if there is one.
    source_column: String,
}

impl Default for Joiner {
    fn default() -> Self {
        Self {
            kind: None,
            known: HashMap::default(),
            keys: Vec::new(),
            totals: Vec::new(),
            rows: 0,
            records: 0,
            first: None,
            last: None,
            memo_room: memo::ROOM,
            source_column: String::new(),
        }
    }
}

/// All columns of all parts.
pub(super) struct Columns {
    pub(super) labels: Labels,
    /// What is known of each.
    pub(super) totals: Vec<Totals>,
    /// Which of them it was that tells where rows come from and is the last one now, if there is one.
    pub(super) source: Option<usize>,
}

impl Joiner {
    /// No columns yet; the one that tells where rows come from will be called `source_column`.
    pub(crate) fn with_source_column(source_column: &str) -> Self {
        Self { source_column: source_column.to_owned(), ..Self::default() }
    }

    /// Adds the next part, whose records are all there; `None` if it has no rows. Refuses more than `column_limit` columns
    /// of keys.
    pub(crate) fn add(&mut self, mut part: Part, column_limit: usize) -> Result<Option<Piece>, Defect> {
        let keys = part.take_keys();
        let records = self.records;
        Ok(self.add_columns(&part, keys, column_limit)?.map(|places| part.into_piece(places, records)))
    }

    /// As [`Joiner::add`], but the part stays as it is, to be added elsewhere.
    pub(crate) fn look_at(&mut self, part: &Part, column_limit: usize) -> Result<(), Defect> {
        self.add_columns(part, part.keys().to_vec(), column_limit).map(drop)
    }

    fn add_columns(
        &mut self,
        part: &Part,
        keys: Vec<Box<[u8]>>,
        column_limit: usize,
    ) -> Result<Option<Places>, Defect> {
        let records = self.records;
        self.records += part.lines() as u64;
        if part.rows() == 0 {
            return Ok(None);
        }
        let kind = *self.kind.get_or_insert(part.kind().unwrap_or(LineKind::Scalar));
        let first = *self.first.get_or_insert_with(|| part.spot(0, records));
        let known = self.totals.len();
        let places = if kind == LineKind::Object { self.by_key(keys) } else { self.by_position(part) };
        for (column, place) in places.iter().enumerate().filter(|(_, place)| **place != NOWHERE) {
            let place = *place as usize;
            if column == self.totals.len() {
                self.totals.push(Totals::begin(part, place, records));
                if self.rows > 0 {
                    self.totals[column].lack(self.rows, first, part.absent());
                }
            }
            self.totals[column].add(part, place, records, &mut self.memo_room);
        }
        if part.width() < self.totals.len() {
            let (rows, spot, absent) = (part.rows() as u64, part.spot(0, records), part.absent());
            let here = |column: usize| places.get(column).is_some_and(|place| *place != NOWHERE);
            (0..known).filter(|column| !here(*column)).for_each(|column| self.totals[column].lack(rows, spot, absent));
        }
        if kind == LineKind::Object && self.totals.len() > column_limit {
            let Spot { line, record } = self.totals[column_limit].begun;
            return Err(Defect::too_many_columns(line, column_limit).in_record(record));
        }
        self.rows += part.rows() as u64;
        Ok(Some(places))
    }

    /// Where the first record of the next part is.
    pub(crate) fn begin_of(&self, part: &Part) -> Spot {
        part.spot(0, self.records)
    }

    /// How many records, blank lines and records left out there are so far.
    pub(crate) fn records(&self) -> u64 {
        self.records
    }

    /// How many rows there are so far.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// How many columns there are so far.
    pub(crate) fn width(&self) -> usize {
        self.totals.len()
    }

    /// How many columns there were if those of `other` were added.
    pub(crate) fn width_with(&self, other: &Self) -> usize {
        match self.kind.or(other.kind) {
            Some(LineKind::Object) => {
                self.width() + other.keys.iter().filter(|key| !self.known.contains_key(*key)).count()
            }
            _ => self.width().max(other.width()),
        }
    }

    /// The labels of the columns that `other` has not.
    pub(crate) fn labels_without(&self, other: &Self) -> impl Iterator<Item = Vec<u8>> {
        self.keys.iter().filter(|key| !other.known.contains_key(*key)).map(|key| label_of(key))
    }

    /// What the records are; `None` without any.
    pub(crate) fn kind(&self) -> Option<LineKind> {
        self.kind
    }

    /// Bytes of memory for what is known of the columns.
    pub(crate) fn memory(&self) -> usize {
        self.totals.capacity() * size_of::<Totals>()
            + self.keys.iter().map(|key| 2 * key.len() + KEY_BYTES).sum::<usize>()
    }

    /// All columns. Refuses labels that HDF5 or a user cannot tell apart.
    pub(super) fn finish(mut self) -> Result<Columns, Defect> {
        let source = self.keys.iter().position(|key| **key == *SOURCE);
        let told = source.map(|column| (self.keys.remove(column), self.totals.remove(column)).1);
        let mut labels = self.labels()?;
        if let (Labels::Keys(keys), Some(told)) = (&mut labels, told) {
            self.refuse_if_taken(keys)?;
            keys.push(self.source_column.into_bytes());
            self.totals.push(told);
        }
        Ok(Columns { labels, totals: self.totals, source })
    }

    fn labels(&self) -> Result<Labels, Defect> {
        let labels = match self.kind {
            None => Labels::None,
            Some(LineKind::List | LineKind::Scalar) => Labels::Positions(self.totals.len()),
            Some(LineKind::Object) => {
                let labels: Vec<Vec<u8>> = self.keys.iter().map(|key| label_of(key)).collect();
                self.refuse_labels_that_clash(&labels)?;
                self.refuse_labels_that_collide(&labels)?;
                Labels::Keys(labels)
            }
        };
        Ok(labels)
    }

    fn refuse_if_taken(&self, labels: &[Vec<u8>]) -> Result<(), Defect> {
        let name = self.source_column.as_bytes();
        match labels.iter().position(|label| trim_nuls(label) == name) {
            None => Ok(()),
            Some(column) => {
                let Spot { line, record } = self.totals[column].begun;
                Err(Defect::source_column_taken(line, &self.source_column).in_record(record))
            }
        }
    }

    fn by_key(&mut self, keys: Vec<Box<[u8]>>) -> Places {
        if let Some((last, places)) = &self.last
            && *last == keys
        {
            return Arc::clone(places);
        }
        let mut places = vec![NOWHERE; self.totals.len()];
        for (index, key) in keys.iter().enumerate() {
            let index = u32::try_from(index).unwrap_or(NOWHERE);
            if let Some(column) = self.known.get(&**key) {
                places[*column as usize] = index;
            } else {
                let key: Arc<[u8]> = Arc::from(&**key);
                self.known.insert(Arc::clone(&key), u32::try_from(places.len()).unwrap_or(NOWHERE));
                self.keys.push(key);
                places.push(index);
            }
        }
        let places = Places::from(places);
        self.last = Some((keys, Arc::clone(&places)));
        places
    }

    fn by_position(&mut self, part: &Part) -> Places {
        if let Some((_, places)) = &self.last
            && places.len() == part.width()
        {
            return Arc::clone(places);
        }
        let places: Places = (0..u32::try_from(part.width()).unwrap_or(NOWHERE)).collect();
        self.last = Some((Vec::new(), Arc::clone(&places)));
        places
    }

    /// Flattened keys that are different and have one label.
    fn refuse_labels_that_clash(&self, labels: &[Vec<u8>]) -> Result<(), Defect> {
        if !self.keys.iter().any(|key| key.contains(&MEMBER)) {
            return Ok(());
        }
        let mut seen = HashSet::new();
        match labels.iter().position(|label| !seen.insert(label)) {
            None => Ok(()),
            Some(second) => {
                let Spot { line, record } = self.totals[second].begun;
                Err(Defect::label_clash(line, &String::from_utf8_lossy(&labels[second])).in_record(record))
            }
        }
    }

    /// HDF5 stores labels padded with NUL, so that a NUL at the end is lost (pandas' own files lose it, too): `"a"` and
    /// `"a\0"` would be one, and the file could not be read.
    fn refuse_labels_that_collide(&self, labels: &[Vec<u8>]) -> Result<(), Defect> {
        if !labels.iter().any(|label| label.ends_with(b"\0")) {
            return Ok(());
        }
        let mut seen = HashSet::new();
        match labels.iter().position(|label| !seen.insert(trim_nuls(label))) {
            None => Ok(()),
            Some(second) => {
                let label = String::from_utf8_lossy(trim_nuls(&labels[second])).into_owned();
                let Spot { line, record } = self.totals[second].begun;
                Err(Defect::colliding_labels(line, &label).in_record(record))
            }
        }
    }
}

/// What a key takes besides its bytes, about.
const KEY_BYTES: usize = 100;

/// `key` without the NULs at its end.
fn trim_nuls(key: &[u8]) -> &[u8] {
    let end = key.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
    &key[..end]
}

#[cfg(test)]
mod tests {
    use super::super::column::Tag;
    use super::*;

    fn part(first_line: u64, records: &[&[&str]]) -> Part {
        let mut part = Part::new(first_line, None);
        for keys in records {
            part.begin(LineKind::Object).unwrap();
            for key in *keys {
                let column = part.column_of(key.as_bytes());
                part.ready(column).push_word(Tag::Int, 1);
            }
            part.end();
        }
        part.finish();
        part
    }

    #[test]
    fn a_column_knows_where_it_begins_and_which_records_lack_it_in_whichever_part_they_are() {
        let mut joiner = Joiner::default();
        let parts =
            [part(1, &[&["a"], &["a", "b"]]), part(3, &[&["b", "c"]]), part(4, &[&["b", "c"]]), part(5, &[&["a"]])];
        let pieces = parts.map(|part| joiner.add(part, 10).unwrap().unwrap());
        let places = pieces.each_ref().map(|piece| [0, 1, 2].map(|column| piece.place(column)));
        assert_eq!(places[0], [Some(0), Some(1), None]);
        assert_eq!(places[1], [None, Some(0), Some(1)]);
        assert_eq!(places[2], places[1]);
        assert_eq!(places[3], [Some(0), None, None]);
        assert!(Arc::ptr_eq(&pieces[1].places, &pieces[2].places));
        let Columns { labels, totals, .. } = joiner.finish().unwrap();
        assert_eq!(labels, Labels::Keys(vec![b"a".to_vec(), b"b".to_vec(), b"c".to_vec()]));
        let of = |tag| totals.iter().map(move |total| (total.count(tag), total.first(tag).map(|spot| spot.line)));
        assert_eq!(of(Tag::Int).collect::<Vec<_>>(), [(3, Some(1)), (3, Some(2)), (2, Some(3))]);
        assert_eq!(of(Tag::Missing).collect::<Vec<_>>(), [(2, Some(3)), (2, Some(1)), (3, Some(1))]);
        assert_eq!(totals.iter().map(|total| total.begun.line).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(
            totals.iter().map(|total| total.lacking.map(|spot| spot.line)).collect::<Vec<_>>(),
            [Some(3), Some(5), Some(1)]
        );
    }

    #[test]
    fn more_columns_than_allowed_are_refused_with_the_line_of_the_first_one_too_many() {
        let mut joiner = Joiner::default();
        joiner.add(part(1, &[&["a", "b"]]), 3).unwrap();
        let refused = joiner.add(part(2, &[&["a"], &["c", "d", "e"]]), 3).unwrap_err();
        assert_eq!((refused.code, refused.line), ("limit_columns", Some(3)));
    }
}
