"""Feather and Parquet with other records than objects, with hints, and compressed, as four readers know them.

    python arrow_options.py --program H5INBOX --folder DIR
"""
import argparse
import subprocess
from datetime import datetime, timezone
from pathlib import Path

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet

import arrow_readers
from arrow_expected import Column

FORMATS = ["feather", "parquet"]


def convert(arguments, name, lines, format_, *more):
    source = arguments.folder / f"{name}.json"
    source.write_text("".join(f"{line}\n" for line in lines))
    subprocess.run([arguments.program, "convert", source, "--format", format_, *more], check=True, capture_output=True)
    return source.with_suffix("." + format_)


def compare(path, columns, rows):
    found = list(arrow_readers.differences(path, columns, rows))
    assert not found, (path.name, found)


def positions(arguments, format_):
    """Lists have their positions as names; only pandas makes integers of them again."""
    path = convert(arguments, "lists", ['[1, "a"]', "[2]", '[3, "b", true]'], format_)
    columns = [Column("0", "int64", [1, 2, 3]), Column("1", "string", ["a", None, "b"]), Column("2", "bool", [None, None, True])]
    found = [what for what in arrow_readers.differences(path, columns, 3) if not what.startswith("pandas: index")]
    assert not found, found
    frame = (pd.read_feather if format_ == "feather" else pd.read_parquet)(path)
    assert list(frame.columns) == [0, 1, 2], frame.columns


def hints(arguments, format_):
    lines = ['{"t": "2020-02-29 01:02:03.000000004", "z": "2020-02-29T01:02:03+01:00", "n": 1, "u": 1, "s": 5, "f": 1}',
             '{"t": null, "z": "1969-12-31T23:59:59.5Z", "u": 2, "s": "x"}']
    types = ["t=datetime", "z=datetime", "n=nullable-int", "u=uint64", "s=string", "f=float64"]
    path = convert(arguments, "hints", lines, format_, *(part for type_ in types for part in ("--type", type_)))
    table = arrow_readers.read_table(path)
    expected = [pa.timestamp("ns"), pa.timestamp("ns", "UTC"), pa.int64(), pa.uint64(), pa.string(), pa.float64()]
    assert table.schema.types == expected, table.schema
    assert table["t"].cast(pa.int64()).to_pylist() == [1582938123000000004, None]
    assert table["z"].cast(pa.int64()).to_pylist() == [1582934523000000000, -500000000]
    assert table["s"].to_pylist() == ["5", "x"] and table["f"].to_pylist() == [1.0, None]
    frame = (pd.read_feather if format_ == "feather" else pd.read_parquet)(path)
    assert [str(dtype) for dtype in frame.dtypes] == [
        "datetime64[ns]", "datetime64[ns, UTC]", "Int64", "uint64", "str", "float64"], frame.dtypes
    with_polars = (pl.read_ipc if format_ == "feather" else pl.read_parquet)(path)
    assert with_polars["z"][0] == datetime(2020, 2, 29, 0, 2, 3, tzinfo=timezone.utc), with_polars["z"]


def compressed(arguments, format_):
    lines = [f'{{"a": {row % 3}, "b": "text {row % 10}", "c": [{row}, {row}]}}' for row in range(5000)]
    columns = [Column("a", "int64", [row % 3 for row in range(5000)]),
               Column("b", "string", [f"text {row % 10}" for row in range(5000)]),
               Column("c", ("list", "int64"), [[row, row] for row in range(5000)])]
    sizes = {}
    for kind in ["none", "lz4", "zstd:1", "zstd:19"]:
        path = convert(arguments, f"compressed-{kind.replace(':', '-')}", lines, format_, "--compression", kind)
        compare(path, columns, 5000)
        sizes[kind] = path.stat().st_size
        if format_ == "parquet":
            codec = pyarrow.parquet.ParquetFile(path).metadata.row_group(0).column(0).compression
            assert codec == {"none": "UNCOMPRESSED", "lz4": "LZ4"}.get(kind, "ZSTD"), (kind, codec)
    assert max(sizes["lz4"], sizes["zstd:1"]) < sizes["none"], sizes


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--folder", type=Path, required=True)
    arguments = parser.parse_args()
    for format_ in FORMATS:
        positions(arguments, format_)
        hints(arguments, format_)
        compressed(arguments, format_)


if __name__ == "__main__":
    main()
