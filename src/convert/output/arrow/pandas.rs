//! What pandas wants to know, so that it gives the frame that went in: a range of row numbers as index, integers as
//! column labels where records are lists, and integers and booleans that may be null as such. Other readers do not look.

use serde_json::{Value, json};

use super::super::super::frame::Labels;
use super::kind::Kind;
use super::table::Table;

/// The text of the metadata `pandas`, as pandas itself writes it.
pub(super) fn metadata(table: &Table<'_>) -> String {
    let frame = table.frame;
    let integers = matches!(frame.labels, Labels::Positions(_));
    let columns =
        table.kinds.iter().enumerate().map(|(index, kind)| column(&frame.label(index), kind, table.has_nulls(index)));
    let labels = json!({
        "name": null,
        "field_name": null,
        "pandas_type": if integers { "int64" } else { "unicode" },
        "numpy_type": if integers { "int64" } else { "object" },
        "metadata": if integers { Value::Null } else { json!({"encoding": "UTF-8"}) },
    });
    json!({
        "index_columns": [{"kind": "range", "name": null, "start": 0, "stop": frame.rows, "step": 1}],
        "column_indexes": [labels],
        "columns": columns.collect::<Vec<_>>(),
        "creator": {"library": "h5inbox", "version": env!("CARGO_PKG_VERSION")},
    })
    .to_string()
}

fn column(label: &str, kind: &Kind, nulls: bool) -> Value {
    let (pandas_type, numpy_type) = match kind {
        Kind::Bool => ("bool", if nulls { "boolean" } else { "bool" }),
        Kind::Int64 => ("int64", if nulls { "Int64" } else { "int64" }),
        Kind::Uint64 => ("uint64", if nulls { "UInt64" } else { "uint64" }),
        Kind::Float64 => ("float64", "float64"),
        Kind::Text | Kind::Json | Kind::Empty => ("unicode", "object"),
        Kind::Time => ("datetime", "datetime64[ns]"),
        Kind::TimeUtc => ("datetimetz", "datetime64[ns]"),
        Kind::List(_) | Kind::Struct(_) => ("object", "object"),
    };
    let metadata = if *kind == Kind::TimeUtc { json!({"timezone": "UTC"}) } else { Value::Null };
    json!({
        "name": label,
        "field_name": label,
        "pandas_type": pandas_type,
        "numpy_type": numpy_type,
        "metadata": metadata,
    })
}
