//! What a column keeps, and how it is read.

use super::*;

fn text(column: &mut Column, bytes: &[u8]) {
    column.push_heap(Tag::Text, |heap| heap.extend_from_slice(bytes));
}

#[test]
fn a_column_of_one_kind_is_its_words() {
    let mut column = Column::default();
    (0..3).for_each(|i| column.push_word(Tag::Int, i));
    assert_eq!(column.uniform_words(Tag::Int, 3), Some(&[0, 1, 2][..]));
    assert_eq!(column.uniform_words(Tag::Int, 4), None);
    assert_eq!(column.kinds(4, Tag::Missing), KindSet::of(Tag::Int).union(KindSet::of(Tag::Missing)));
}

#[test]
fn mixed_cells_keep_what_the_document_said() {
    let mut column = Column::default();
    text(&mut column, b"ab");
    column.push_word(Tag::Int, 7);
    column.push_word(Tag::Null, 0);
    text(&mut column, b"c");
    column.pad(5, Tag::Missing);
    let cells: Vec<Cell<'_>> = column.cells(0..6, Tag::Missing).collect();
    let expected = [Cell::Pickled(b"ab"), Cell::Int(7), Cell::Null, Cell::Pickled(b"c"), Cell::Missing, Cell::Missing];
    assert_eq!(cells, expected);
}

#[test]
fn texts_that_repeat_are_kept_once_and_read_the_same_whatever_comes_between_and_behind() {
    for behind in [None, Some(Tag::WildText), Some(Tag::BigInt), Some(Tag::Nested)] {
        let (mut column, mut expected) = (Column::default(), Vec::new());
        for row in 0..200 {
            let utf8 = ["first", "", "third"][row % 3];
            if row % 7 == 0 {
                column.push_word(Tag::Null, 0);
                expected.push(Cell::Null);
            } else {
                column.push_text(utf8.as_bytes(), utf8.len());
                expected.push(Cell::Pickled([&b"\x8c\x05first"[..], b"\x8c\0", b"\x8c\x05third"][row % 3]));
            }
        }
        if let Some(tag) = behind {
            column.push_heap(tag, |heap| heap.extend_from_slice(b"N"));
            expected.push(Cell::Pickled(b"N"));
        }
        column.finish();
        assert_eq!(column.dictionary().is_some(), behind.is_none(), "{behind:?}");
        assert_eq!(column.cells(0..expected.len(), Tag::Missing).collect::<Vec<_>>(), expected, "{behind:?}");
        assert_eq!(column.cells(150..160, Tag::Missing).collect::<Vec<_>>(), expected[150..160], "{behind:?}");
    }
}

#[test]
fn texts_that_hardly_repeat_stand_in_the_heap() {
    let mut column = Column::default();
    let texts: Vec<String> = (0..MANY).map(|number| number.to_string()).collect();
    texts.iter().for_each(|text| column.push_text(text.as_bytes(), text.len()));
    assert!(column.dictionary().is_none() && column.is_plain());
    let mut pickles = Vec::new();
    texts.iter().for_each(|text| pickled::text(&mut pickles, text.as_bytes()));
    assert_eq!(column.uniform_text(0, MANY), Some(&pickles[..]));
    let mut again = Column::plain();
    (0..MANY).for_each(|_| again.push_text(b"again", 5));
    assert!(again.dictionary().is_none());
    let mut few = Column::default();
    few.push_text(b"a", 1);
    few.finish();
    assert_eq!(few.uniform_text(0, 1), Some(&b"\x8c\x01a"[..]));
}

#[test]
fn rows_without_a_value_take_no_memory_and_read_the_same() {
    let (mut sparse, mut expected) = (Column::default(), Vec::new());
    for row in [500, 501, 510, 1000, 1100] {
        sparse.pad(row, Tag::Missing);
        expected.resize(row, (Tag::Missing, Cell::Missing));
        if row == 501 {
            text(&mut sparse, b"text");
            expected.push((Tag::Text, Cell::Pickled(b"text")));
        } else {
            sparse.push_word(Tag::Int, row as u64);
            expected.push((Tag::Int, Cell::Int(i64::try_from(row).unwrap())));
        }
    }
    expected.resize(2000, (Tag::Missing, Cell::Missing));
    assert!(sparse.stored_count() < 20 && sparse.memory() < 1000, "{sparse:?}");
    for from in [0, 3, 499, 500, 501, 502, 505, 511, 999, 1000, 1001, 1101, 1999] {
        let cells: Vec<_> = sparse.cells(from..2000, Tag::Missing).collect();
        assert_eq!(cells, expected[from..].iter().map(|(_, cell)| *cell).collect::<Vec<_>>(), "from {from}");
    }
    for (row, tag, cell) in sparse.stored() {
        assert_eq!((tag, cell), expected[row], "row {row}");
    }
    assert_eq!((sparse.len(), sparse.first_unstored(2000), sparse.uniform_text(501, 502)), (1101, Some(0), None));
}

#[test]
fn a_value_taken_back_behind_a_gap_leaves_the_gap() {
    let mut column = Column::default();
    for row in [100, 130] {
        column.pad(row, Tag::Missing);
        text(&mut column, b"gone");
        column.pop();
    }
    column.pad(200, Tag::Missing);
    column.push_word(Tag::Int, 1);
    assert_eq!((column.len(), column.stored_count()), (201, 1));
    assert_eq!(column.cells(199..202, Tag::Null).collect::<Vec<_>>(), [Cell::Null, Cell::Int(1), Cell::Null]);
}

#[test]
fn a_value_taken_back_leaves_no_trace() {
    let mut column = Column::default();
    text(&mut column, b"gone");
    column.pop();
    column.push_word(Tag::Int, 1);
    text(&mut column, b"gone too");
    column.pop();
    column.push_word(Tag::Int, 2);
    assert_eq!(column.kinds(2, Tag::Missing), KindSet::of(Tag::Int));
    assert_eq!(column.cells(1..2, Tag::Missing).next(), Some(Cell::Int(2)));
    assert!(column.heap.is_empty());
}
