//! What a frame is, column by column, without its values.

use serde::Serialize;

use super::Frame;
use super::column::Tag;
use super::dtype::Dtype;

/// One column of a frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ColumnSchema {
    /// Its label.
    pub name: String,
    /// Its dtype when pandas 3 has read it: `bool`, `int64`, `uint64`, `float64`, `str`, `object`, `datetime64[ns]`,
    /// `datetime64[ns, UTC]` or `Int64`.
    pub dtype: &'static str,
    /// What it is in the output, in the words of its format; null where that is what the dtype says (HDF5 in pandas' layouts).
    pub stored: Option<String>,
    /// Records with a value other than null.
    pub values: u64,
    /// Records with null.
    pub null: u64,
    /// Records without the key, or with the word `NaN`.
    pub missing: u64,
}

impl Frame {
    /// All columns, in order.
    pub(crate) fn schema(&self) -> Vec<ColumnSchema> {
        let text_only = self.has_no_objects();
        (0..self.columns.len()).map(|index| self.column_schema(index, text_only)).collect()
    }

    /// Whether no object column has a value: pandas 3 reads all of them as text then.
    fn has_no_objects(&self) -> bool {
        let objects = (0..self.columns.len()).filter(|index| self.columns[*index].dtype == Dtype::Object);
        objects.into_iter().all(|index| self.totals(index).kinds.within(&[Tag::Null]))
    }

    fn column_schema(&self, index: usize, text_only: bool) -> ColumnSchema {
        let totals = self.totals(index);
        let (null, missing) = (totals.count(Tag::Null), totals.count(Tag::Missing));
        ColumnSchema {
            name: self.label(index),
            dtype: match self.columns[index].dtype {
                Dtype::Object if text_only => Dtype::Str.name(),
                dtype => dtype.name(),
            },
            stored: None,
            values: self.rows as u64 - null - missing,
            null,
            missing,
        }
    }
}
