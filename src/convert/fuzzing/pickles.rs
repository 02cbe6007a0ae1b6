//! Pickles of texts, lists and objects: well-formed, and the value that another parser reads.

use serde_json::Value as Json;

use super::super::frame::column::{Cell, Tag};
use super::super::frame::part::Part;
use super::super::parse::{ParsePlan, compared};
use super::lines;
use super::unpickle::{Value, value};

/// Reads `data` as records, one a line, and interprets the pickles in their cells.
///
/// # Panics
///
/// If a pickle is not well-formed, or not of the value in the record.
pub fn pickles(data: &[u8]) {
    for line in data.split(|byte| matches!(byte, b'\n' | b'\r')) {
        for fast in [true, false] {
            let read = compared::records(&lines(line), &ParsePlan::plain(512, 1000, 1 << 28), fast);
            if let Ok((part, _)) = read
                && part.rows() == 1
            {
                check(&part, line);
            }
        }
    }
}

fn check(part: &Part, line: &[u8]) {
    let values: Vec<Value> = (0..part.width()).map(|index| cell(part, index)).collect();
    // It knows no NaN, no lone surrogates and no number beyond the floats; such records are judged by their form alone.
    match serde_json::from_slice(line) {
        Ok(Json::Object(members)) => {
            assert_eq!(members.len(), part.width());
            for (index, (key, json)) in members.iter().enumerate() {
                assert_eq!(key.as_bytes(), part.label(index));
                assert!(same(&values[index], json), "{:?}, not {json}", values[index]);
            }
        }
        Ok(Json::Array(items)) => {
            assert!(same(&Value::List(values.clone()), &Json::Array(items)), "{values:?} in {}", line.escape_ascii());
        }
        Ok(scalar) => assert!(same(&values[0], &scalar), "{:?}, not {scalar}", values[0]),
        Err(_) => {}
    }
}

fn cell(part: &Part, index: usize) -> Value {
    match part.column(index).cells(0..1, Tag::Missing).next() {
        Some(Cell::Pickled(pickle)) => value(pickle),
        Some(Cell::Null) => Value::None,
        Some(Cell::Bool(value)) => Value::Bool(value),
        Some(Cell::Int(value)) => Value::Int(value.to_string()),
        Some(Cell::Uint(value)) => Value::Int(value.to_string()),
        Some(Cell::Float(value)) => Value::Float(value),
        Some(Cell::Missing) | None => Value::Float(f64::NAN),
    }
}

fn same(value: &Value, json: &Json) -> bool {
    match (value, json) {
        (Value::None, Json::Null) => true,
        (Value::Bool(one), Json::Bool(other)) => one == other,
        (Value::Int(digits), Json::Number(number)) => {
            number.to_string() == *digits || digits.parse().is_ok_and(|value| near(value, number.as_f64()))
        }
        (Value::Float(value), Json::Number(number)) => near(*value, number.as_f64()),
        (Value::Text(text), Json::String(other)) => text == other.as_bytes(),
        (Value::List(items), Json::Array(others)) => {
            items.len() == others.len() && items.iter().zip(others).all(|(item, other)| same(item, other))
        }
        (Value::Dict(members), Json::Object(others)) => {
            let both = members.iter().zip(others);
            members.len() == others.len()
                && both.into_iter().all(|((key, value), (other, json))| key == other.as_bytes() && same(value, json))
        }
        _ => false,
    }
}

/// The other parser rounds floats in the last place; which is right is the target `numbers`' matter.
fn near(value: f64, other: Option<f64>) -> bool {
    other.is_some_and(|other| (value - other).abs() <= 1e-14 * value.abs() + 1e-320)
}
