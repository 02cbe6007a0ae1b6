"""What pyarrow, pandas, polars and duckdb make of a Feather or Parquet file, each compared with what it has to be.

`differences(path, columns)` yields a sentence for everything that differs.
"""
import math

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet

EXACT = 2**53
# What pandas has to make of a type: without nulls, and with some.
DTYPES = {
    "bool": ("bool", "boolean"), "int64": ("int64", "Int64"), "uint64": ("uint64", "UInt64"),
    "double": ("float64", "float64"), "string": ("str", "str"),
}


def differences(path, columns, rows):
    table = read_table(path)
    yield from (f"pyarrow: {what}" for what in of_pyarrow(table, columns, rows))
    yield from (f"pandas: {what}" for what in of_pandas(path, columns, rows))
    if columns:
        yield from (f"polars: {what}" for what in of_polars(path, columns))
        yield from (f"duckdb: {what}" for what in of_duckdb(path, table, columns))


def read_table(path):
    if path.suffix == ".feather":
        return pyarrow.feather.read_table(path)
    return pyarrow.parquet.read_table(path)


def arrow_type(type_):
    if isinstance(type_, str):
        return {"bool": pa.bool_(), "int64": pa.int64(), "uint64": pa.uint64(), "double": pa.float64(),
                "string": pa.string()}[type_]
    if type_[0] == "list":
        return pa.list_(arrow_type(type_[1]))
    return pa.struct([(name, arrow_type(member)) for name, member in type_[1]])


def unlike(name, found, expected):
    """What differs between the values of a column; -0.0 and 0.0 do."""
    if repr(found) == repr(expected):
        return
    for row, (one, other) in enumerate(zip(found, expected)):
        if repr(one) != repr(other):
            yield f"column {name!r}, row {row}: {one!r:.200} instead of {other!r:.200}"
            return
    yield f"column {name!r}: {len(found)} rows instead of {len(expected)}"


def of_pyarrow(table, columns, rows):
    table.validate(full=True)
    names = [column.name for column in columns]
    if table.column_names != names or table.num_rows != rows:
        yield f"{table.num_rows} rows of {table.column_names} instead of {rows} of {names}"
        return
    for number, column in enumerate(columns):
        expected = arrow_type(column.type)
        if table.schema.types[number] != expected:
            yield f"column {column.name!r} is {table.schema.types[number]} instead of {expected}"
        yield from unlike(column.name, table.column(number).to_pylist(), column.values)


def of_pandas(path, columns, rows):
    frame = (pd.read_feather if path.suffix == ".feather" else pd.read_parquet)(path)
    if not frame.index.equals(pd.RangeIndex(rows)) or list(frame.columns) != [column.name for column in columns]:
        yield f"index {frame.index} and columns {list(frame.columns)}"
        return
    for number, column in enumerate(columns):
        found = frame.iloc[:, number]
        nulls = any(value is None for value in column.values)
        wanted = DTYPES[column.type][nulls] if isinstance(column.type, str) else "object"
        if str(found.dtype) != wanted:
            yield f"column {column.name!r} is {found.dtype} instead of {wanted}"
        yield from unlike(column.name, [plain(value) for value in found.astype(object)], pandas_view(column))


def pandas_view(column):
    """Inside lists and objects pandas makes floats of integers beside nulls."""
    return column.values if isinstance(column.type, str) else [plain(value) for value in column.values]


def plain(value):
    """A value out of pandas as Python has it; numbers in lists and objects as floats."""
    if isinstance(value, np.ndarray):
        return [floats(plain(item)) for item in value]
    if isinstance(value, list):
        return [floats(plain(item)) for item in value]
    if isinstance(value, dict):
        return {key: floats(plain(item)) for key, item in value.items()}
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return None
    return value.item() if isinstance(value, np.generic) else value


def floats(value):
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def of_polars(path, columns):
    frame = (pl.read_ipc if path.suffix == ".feather" else pl.read_parquet)(path)
    for number, column in enumerate(columns):
        yield from unlike(column.name, frame.to_series(number).to_list(), column.values)


def of_duckdb(path, table, columns):
    if clashing(columns):
        return
    with duckdb.connect() as connection:
        if path.suffix == ".feather":
            connection.register("data", table)
            found = connection.sql("SELECT * FROM data").fetchall()
        else:
            found = connection.execute("SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
    for number, column in enumerate(columns):
        yield from unlike(column.name, [row[number] for row in found], column.values)


def clashing(columns):
    """duckdb takes names that differ in case only for one, and none that are empty, in structs."""
    def in_type(type_):
        if isinstance(type_, str):
            return False
        if type_[0] == "list":
            return in_type(type_[1])
        names = [name.lower() for name, _ in type_[1]]
        return len(set(names)) < len(names) or "" in names or any(in_type(member) for _, member in type_[1])
    return any(in_type(column.type) for column in columns)
