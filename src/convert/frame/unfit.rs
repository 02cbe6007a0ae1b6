//! What formats without Python objects cannot hold of a frame, and which record is the first to say so.

use super::super::defect::Defect;
use super::Frame;
use super::column::{KindSet, Tag};
use super::dtype::{self, Dtype};
use super::totals::Spot;

impl Frame {
    /// Whether column `index` has no value at all.
    pub(crate) fn is_empty_column(&self, index: usize) -> bool {
        self.totals(index).kinds.within(&[Tag::Null, Tag::Missing])
    }

    /// Whether column `index` has values that only Python objects hold side by side, and no array of one type.
    pub(crate) fn needs_objects(&self, index: usize) -> bool {
        let kinds = self.totals(index).kinds;
        match self.columns[index].dtype {
            Dtype::Object => !self.is_empty_column(index),
            Dtype::NullableInt => kinds.has(Tag::Null) || kinds.has(Tag::Missing),
            _ => false,
        }
    }

    /// The refusal of column `index`, which [`needs_objects`](Self::needs_objects), by `format`: it names the first
    /// record whose value does not go with those before it.
    pub(crate) fn refuse_unfit(&self, index: usize, format: &str) -> Defect {
        let (spot, what) = self.first_unfit(index);
        let why = format!("{what}, for which {format} has no type");
        Defect::unfit(spot.line, &self.label(index), &why).in_record(spot.record)
    }

    /// Refuses texts in column `index` of which one has half of a surrogate pair.
    pub(crate) fn refuse_wild_text(&self, index: usize) -> Result<(), Defect> {
        let wild = self.totals(index).first(Tag::WildText);
        wild.map_or(Ok(()), |spot| Err(Defect::lone_surrogate(spot.line, &self.label(index)).in_record(spot.record)))
    }

    /// The refusal of a text in column `index`, the one in `row`, which would not be given back as it is.
    pub(crate) fn refuse_lossy_text(&self, index: usize, row: usize, why: &str) -> Defect {
        let (record, line) = self.spot_of_row(row);
        let defect = Defect::lossy_text(line.unwrap_or_default(), &self.label(index), why);
        Defect { line, ..defect }.in_record(record)
    }

    fn first_unfit(&self, index: usize) -> (Spot, String) {
        let totals = self.totals(index);
        let firsts = totals.kinds.tags().filter_map(|tag| Some((totals.first(tag)?, tag)));
        let mut firsts: Vec<(Spot, Tag)> = firsts.collect();
        firsts.sort_unstable_by_key(|(spot, _)| *spot);
        let nullable = self.columns[index].dtype == Dtype::NullableInt;
        let mut before = KindSet::default();
        for (spot, tag) in firsts {
            let mut seen = before.union(KindSet::of(tag));
            if tag == Tag::Int && totals.kinds.has_negative() {
                seen = seen.with_negative();
            }
            if nullable && matches!(tag, Tag::Null | Tag::Missing) {
                return (spot, "a missing value among exact integers".to_owned());
            }
            if !nullable && !has_type(seen) {
                return (spot, beside(tag, before));
            }
            before = seen;
        }
        (totals.begun, "values of several kinds".to_owned())
    }
}

/// Whether values of these `kinds` make an array of one type.
fn has_type(kinds: KindSet) -> bool {
    kinds.within(&[Tag::Null, Tag::Missing]) || dtype::decide(kinds) != Dtype::Object
}

/// What is odd about a value of the kind `tag` behind others.
fn beside(tag: Tag, before: KindSet) -> String {
    match tag {
        Tag::Nested => return "a list or an object".to_owned(),
        Tag::BigInt => return "an integer beyond 64 bits".to_owned(),
        _ => {}
    }
    let values = before.without(Tag::Null).without(Tag::Missing);
    let others = if values.is_empty() { before } else { values };
    let mut words: Vec<&str> = others.tags().map(words_of).collect();
    words.dedup();
    let (this, those) = (words_of(tag), words.join(" and "));
    if this == those {
        "an integer above int64 beside a negative one".to_owned()
    } else {
        format!("{this} beside {those}")
    }
}

fn words_of(tag: Tag) -> &'static str {
    match tag {
        Tag::Missing | Tag::Null => "a missing value",
        Tag::Bool => "a boolean",
        Tag::Int | Tag::Uint | Tag::BigInt | Tag::Float => "a number",
        Tag::Text | Tag::WildText => "text",
        Tag::Nested => "a list or an object",
        Tag::Time | Tag::TimeUtc => "a point in time",
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::fuzzing::lines;
    use super::super::super::parse::{ParsePlan, batch};
    use super::super::hints::Hints;
    use super::super::join::Joiner;
    use super::*;

    /// What the only column of `values`, one a line, is refused for, and the line; none if it is not.
    fn refused(values: &[&str]) -> Option<(u64, String)> {
        let text: String = values
            .iter()
            .map(|value| if value.is_empty() { "{}\n".into() } else { format!("{{\"a\": {value}}}\n") })
            .collect();
        let part = batch(&lines(text.as_bytes()), &ParsePlan::plain(512, 10, 1 << 20)).unwrap();
        let mut joiner = Joiner::default();
        let piece = joiner.add(part, 10).unwrap();
        let frame = Frame::join(joiner, piece.into_iter().collect(), None, &Hints::default(), false).unwrap();
        let defect = frame.needs_objects(0).then(|| frame.refuse_unfit(0, "a test"))?;
        assert_eq!((defect.column.as_deref(), defect.record), (Some("a"), defect.line.map(|line| line - 1)));
        Some((defect.line.unwrap(), defect.what))
    }

    #[test]
    fn the_first_record_that_does_not_go_with_those_before_it_is_named() {
        for (values, line, what) in [
            (&["1", "null", "2.5", "\"x\"", "[1]"][..], 4, "text beside a number"),
            (&["true", "false", "null"], 3, "a missing value beside a boolean"),
            (&["null", "", "true"], 3, "a boolean beside a missing value"),
            (&["1", "[1]"], 2, "a list or an object"),
            (&["{}"], 1, "a list or an object"),
            (&["1", "18446744073709551616"], 2, "an integer beyond 64 bits"),
            (&["-1", "18446744073709551615"], 2, "an integer above int64 beside a negative one"),
            (&["\"x\"", "true", "1"], 2, "a boolean beside text"),
        ] {
            let (at, told) = refused(values).unwrap();
            assert_eq!(at, line, "{values:?}");
            assert_eq!(told, format!("column `a`: {what}, for which a test has no type"));
        }
    }

    #[test]
    fn what_an_array_of_one_type_holds_is_not_refused() {
        for values in [
            &["1", "2"][..],
            &["1", "null", "", "NaN", "0.5"],
            &["18446744073709551615", "1"],
            &["true", "false"],
            &["null", "null"],
            &["null", ""],
            &["\"x\"", "null", "\"\"", "\"a\\u0000b\""],
        ] {
            assert_eq!(refused(values), None, "{values:?}");
        }
    }
}
