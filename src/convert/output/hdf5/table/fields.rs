//! Which fields the rows of a table have: a column's own where its name allows, and one that several columns share, an
//! array, where it does not.

use std::collections::BTreeMap;

use super::super::super::super::ConvertError;
use super::super::super::super::defect::Defect;
use super::super::super::super::frame::dtype::Dtype;
use super::super::super::super::frame::{Frame, Labels};
use super::texts::Measured;
use crate::config::OnUnfit;

/// The name of the row number's field.
pub(super) const INDEX: &str = "index";
/// Bytes of a row number.
const INDEX_BYTES: usize = 8;
/// Frames of more columns have no fields of their own for them: HDF5 describes a row in less than 64 KiB.
const MOST_OWN: usize = 1500;
/// Bytes for that description, and what a field takes of it besides its name.
const DESCRIPTION: usize = 60_000;
const FIELD_BYTES: usize = 32;
/// A longer name is none of a field: attributes are called by it, and hold it.
const LONGEST_NAME: usize = 1024;
/// A longer row is none that NumPy could hold.
const LONGEST_ROW: usize = i32::MAX as usize;
/// What the format is called in messages.
const FORMAT: &str = "a pandas table";

/// How a value is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// As the eight bytes that the dtype has for it.
    Word(Dtype),
    /// As a byte, 0 or 1.
    Flag,
    /// As text of so many bytes, padded with NUL.
    Text(usize),
}

impl Kind {
    /// Bytes of a value.
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::Word(_) => 8,
            Self::Flag => 1,
            Self::Text(bytes) => bytes,
        }
    }

    /// What may share a field: a dtype, and texts that are about as long. `None` for what may not.
    fn group(self) -> Option<(u8, usize)> {
        Some(match self {
            Self::Word(Dtype::Float64) => (0, 0),
            Self::Word(Dtype::Int64) => (1, 0),
            Self::Word(Dtype::Uint64) => (2, 0),
            Self::Flag => (3, 0),
            Self::Word(Dtype::Datetime) => (4, 0),
            Self::Text(bytes) => (5, bytes.next_power_of_two()),
            Self::Word(_) => return None,
        })
    }
}

/// A field of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// The frame's columns in it; none in the one that stands for a frame without columns.
    pub(super) columns: Vec<usize>,
    /// Whether it is one column's own, under its name.
    pub(super) own: bool,
}

impl Field {
    /// How many values it has, if it is an array. A point in time with a zone is none, for pandas' sake.
    pub(super) fn array(&self) -> Option<u64> {
        let scalar = self.own || self.kind == Kind::Word(Dtype::DatetimeUtc);
        (!scalar).then(|| self.columns.len().max(1) as u64)
    }

    fn bytes(&self) -> usize {
        self.kind.bytes() * self.columns.len().max(1)
    }
}

/// A column's place in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) column: usize,
    pub(super) offset: usize,
    pub(super) kind: Kind,
}

/// All fields behind the index, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) all: Vec<Field>,
    /// What stands for a missing text.
    pub(super) nan_rep: String,
    /// Bytes of a row, the index included.
    pub(super) row_bytes: usize,
}

/// The columns of `frame` that are text in a table. Refuses what a table cannot hold, unless it becomes text.
pub(super) fn text_columns(frame: &Frame, on_unfit: OnUnfit) -> Result<Vec<usize>, Defect> {
    let mut columns = Vec::new();
    for (index, column) in frame.columns.iter().enumerate() {
        let unfit = frame.needs_objects(index);
        if unfit && on_unfit == OnUnfit::Refuse {
            return Err(frame.refuse_unfit(index, FORMAT));
        }
        if unfit || matches!(column.dtype, Dtype::Str | Dtype::Object) {
            frame.refuse_wild_text(index)?;
            columns.push(index);
        }
    }
    Ok(columns)
}

impl Fields {
    /// The fields for `frame`, of whose `texts` so much is known.
    pub(super) fn of(frame: &Frame, texts: &[usize], measured: &Measured) -> Result<Self, ConvertError> {
        if let Some((text, row)) = measured.ends_in_nul {
            return Err(frame
                .refuse_lossy_text(texts[text], row, "a text that ends in NUL, which a table loses")
                .into());
        }
        let nan_rep = measured.nan_rep();
        let widths: BTreeMap<usize, usize> = texts.iter().copied().zip(measured.longest.iter().copied()).collect();
        let kind = |index: usize| match (widths.get(&index), frame.columns[index].dtype) {
            (Some(longest), _) => Kind::Text(nan_rep.len().max(*longest)),
            (None, Dtype::Bool) => Kind::Flag,
            // None of its values is missing, or it would be text.
            (None, Dtype::NullableInt) => Kind::Word(Dtype::Int64),
            (None, dtype) => Kind::Word(dtype),
        };
        let kinds: Vec<Kind> = (0..frame.columns.len()).map(kind).collect();
        let fields = arrange(&own_names(&frame.labels), &kinds);
        let row_bytes = INDEX_BYTES + fields.iter().map(Field::bytes).sum::<usize>();
        let fields = Self { all: fields, nan_rep, row_bytes };
        fields.refuse_excess(frame)?;
        Ok(fields)
    }

    /// Where each column is in a row.
    pub(super) fn places(&self) -> Vec<Place> {
        let (mut places, mut at) = (Vec::new(), INDEX_BYTES);
        for field in &self.all {
            let size = field.kind.bytes();
            let of_field = field.columns.iter().enumerate();
            places.extend(of_field.map(|(i, column)| Place {
                column: *column,
                offset: at + i * size,
                kind: field.kind,
            }));
            at += field.bytes();
        }
        places
    }

    /// Refuses rows that HDF5 or NumPy do not take, and a table out of all proportion to its source.
    fn refuse_excess(&self, frame: &Frame) -> Result<(), Defect> {
        let names = self.all.iter().map(|field| field.name.as_str());
        if description(names) > DESCRIPTION || self.row_bytes > LONGEST_ROW {
            let what = format!(
                "a row of {} columns and {} bytes is too long for a table",
                frame.columns.len(),
                self.row_bytes
            );
            return Err(Defect::too_large_for_format(what));
        }
        let (rows, row_bytes) = (frame.rows as u64, self.row_bytes as u64);
        if rows.saturating_mul(row_bytes) <= frame.most_bytes {
            return Ok(());
        }
        let text = |place: &Place| if let Kind::Text(bytes) = place.kind { bytes } else { 0 };
        let widest = self.places().into_iter().max_by_key(text);
        let (column, longest) = widest.map_or_else(Default::default, |place| (frame.label(place.column), text(&place)));
        Err(Defect::padded_too_far(rows, row_bytes, &column, longest))
    }
}

/// Bytes that HDF5 needs to describe rows with fields of these names.
fn description<'n>(names: impl Iterator<Item = &'n str>) -> usize {
    names.map(|name| name.len() + FIELD_BYTES).sum()
}

/// For each column the name under which it can be a field of its own; none for all if they are too many.
fn own_names(labels: &Labels) -> Vec<Option<String>> {
    let Labels::Keys(keys) = labels else { return vec![None; columns_of(labels)] };
    let own = |key: &Vec<u8>| String::from_utf8(key.clone()).ok().filter(|name| may_be_field(name));
    let names: Vec<Option<String>> = keys.iter().map(own).collect();
    let fit = keys.len() <= MOST_OWN && description(names.iter().flatten().map(String::as_str)) <= DESCRIPTION;
    if fit { names } else { vec![None; keys.len()] }
}

/// How many columns have `labels`.
pub(super) fn columns_of(labels: &Labels) -> usize {
    match labels {
        Labels::None => 0,
        Labels::Keys(keys) => keys.len(),
        Labels::Positions(count) => *count,
    }
}

/// Whether pandas and PyTables take `name` as that of a field: not one that HDF5 cannot have, nor one of their own.
fn may_be_field(name: &str) -> bool {
    let bytes = name.as_bytes();
    let reserved = matches!(bytes, [b'_', b'_', ..] | [b'_', _, b'_', ..]) || name.starts_with("values_block_");
    let fine = (1..=LONGEST_NAME).contains(&name.len()) && name != INDEX && name != "." && !name.contains(['/', '\0']);
    fine && !reserved
}

/// The fields for columns of these names and kinds: first those that are a column's own, then the shared ones.
fn arrange(names: &[Option<String>], kinds: &[Kind]) -> Vec<Field> {
    let own = names.iter().zip(kinds).enumerate().filter_map(|(column, (name, kind))| {
        Some(Field { name: name.clone()?, kind: *kind, columns: vec![column], own: true })
    });
    let mut fields: Vec<Field> = own.collect();
    let (mut shared, mut single) = (BTreeMap::<(u8, usize), (Kind, Vec<usize>)>::new(), Vec::new());
    for (column, kind) in kinds.iter().enumerate().filter(|(column, _)| names[*column].is_none()) {
        match kind.group() {
            Some(group) => {
                let (widest, columns) = shared.entry(group).or_insert((*kind, Vec::new()));
                *widest = if kind.bytes() > widest.bytes() { *kind } else { *widest };
                columns.push(column);
            }
            None => single.push((*kind, vec![column])),
        }
    }
    if kinds.is_empty() {
        // A row without any would be none to pandas.
        single.push((Kind::Flag, Vec::new()));
    }
    let blocks = shared.into_values().chain(single).enumerate();
    let block = |(number, (kind, columns))| Field { name: format!("values_block_{number}"), kind, columns, own: false };
    fields.extend(blocks.map(block));
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(names: &[&str]) -> Labels {
        Labels::Keys(names.iter().map(|name| name.as_bytes().to_vec()).collect())
    }

    #[test]
    fn a_column_has_a_field_of_its_own_unless_its_name_is_none() {
        let fine = ["a", "a b", "a.b", "é", "1", "class", "_x", "Index", "values_block", "a_kind", ".."];
        let not = ["", "index", ".", "a/b", "a\0b", "_v_x", "_f_", "_i_x", "__class__", "values_block_0"];
        assert!(own_names(&keys(&fine)).iter().all(Option::is_some));
        assert!(own_names(&keys(&not)).iter().all(Option::is_none));
        assert_eq!(own_names(&Labels::Positions(2)), [None, None]);
    }

    #[test]
    fn too_many_or_too_long_names_are_no_fields() {
        let names = |count: usize, length: usize| {
            let names: Vec<String> = (0..count).map(|number| format!("{number:0length$}")).collect();
            own_names(&keys(&names.iter().map(String::as_str).collect::<Vec<_>>()))
        };
        assert!(names(1500, 4).iter().all(Option::is_some));
        assert!(names(1501, 4).iter().chain(&names(2, 1025)).chain(&names(60, 1000)).all(Option::is_none));
    }

    #[test]
    fn columns_without_a_field_share_one_with_their_like_in_the_order_of_the_frame() {
        let names = [None, Some("b".to_owned()), None, None, None, None, None];
        let (int, utc) = (Kind::Word(Dtype::Int64), Kind::Word(Dtype::DatetimeUtc));
        let kinds = [int, int, Kind::Text(3), Kind::Text(4), int, Kind::Text(9), utc];
        let fields = arrange(&names, &kinds);
        let told: Vec<_> =
            fields.iter().map(|field| (field.name.as_str(), field.kind, &field.columns[..], field.array())).collect();
        assert_eq!(
            told,
            [
                ("b", int, &[1][..], None),
                ("values_block_0", int, &[0, 4], Some(2)),
                ("values_block_1", Kind::Text(4), &[2, 3], Some(2)),
                ("values_block_2", Kind::Text(9), &[5], Some(1)),
                ("values_block_3", utc, &[6], None),
            ]
        );
        let row_bytes = 8 + 8 + 16 + 8 + 9 + 8;
        let fields = Fields { all: fields, nan_rep: "nan".to_owned(), row_bytes };
        let offsets: Vec<_> = fields.places().iter().map(|place| (place.column, place.offset)).collect();
        assert_eq!(offsets, [(1, 8), (0, 16), (4, 24), (2, 32), (3, 36), (5, 40), (6, 49)]);
    }

    #[test]
    fn a_frame_without_columns_has_a_field_that_is_none_of_its_columns() {
        let fields = arrange(&[], &[]);
        assert_eq!((fields.len(), fields[0].array(), fields[0].bytes()), (1, Some(1), 1));
    }
}
