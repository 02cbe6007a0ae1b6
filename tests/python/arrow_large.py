"""Reads a large source and its outputs and compares them; or prints what outputs tell of their source.

    python arrow_large.py FOLDER            FOLDER/a.json, a.feather, a.parquet
    python arrow_large.py --told OUTPUT...
"""
import json
import sys
from pathlib import Path

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet

import arrow_expected
import arrow_readers


def compare(folder):
    lines = (folder / "a.json").read_text().splitlines()
    columns = arrow_expected.table(lines)
    names = [column.name for column in columns]
    schema = pa.schema([(column.name, arrow_readers.arrow_type(column.type)) for column in columns])
    expected = pa.table([pa.array(column.values, field.type) for column, field in zip(columns, schema)], schema=schema)
    with pa.memory_map(str(folder / "a.feather")) as file:
        assert pa.ipc.open_file(file).num_record_batches > 3
    assert pyarrow.parquet.ParquetFile(folder / "a.parquet").num_row_groups > 1
    for name in ["a.feather", "a.parquet"]:
        table = arrow_readers.read_table(folder / name)
        table.validate(full=True)
        assert table.replace_schema_metadata().equals(expected), name
        frame = (pd.read_feather if name == "a.feather" else pd.read_parquet)(folder / name)
        assert list(frame.columns) == names and frame.index.equals(pd.RangeIndex(len(lines))), name
        assert str(frame["n"].dtype) == "Int64" and str(frame["id"].dtype) == "int64", name
        with_polars = (pl.read_ipc if name == "a.feather" else pl.read_parquet)(folder / name)
        assert with_polars.equals(pl.from_arrow(expected)), name


def tell(paths):
    for path in paths:
        print(arrow_readers.read_table(Path(path)).schema.metadata[b"h5inbox_source"].decode())


if __name__ == "__main__":
    if sys.argv[1] == "--told":
        tell(sys.argv[2:])
    else:
        compare(Path(sys.argv[1]))
