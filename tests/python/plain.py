"""Compares outputs of the plain layout, read by h5py, with what Python's json makes of the same lines.

    python plain.py --inputs DIR --outputs DIR --said FILE [--text]

FILE is what `convert` said on standard error, --text that it was told to make text of what has no type. For each
INPUTS/STEM.json that Python reads as lines of one kind, OUTPUTS/STEM.h5 must hold every column: integers and floats bit
for bit, booleans, texts, lists and objects as JSON, and which values are missing. Or there must be no output, a column
without a type or a text that HDF5 cannot hold, and FILE must name its column and line. Prints what differs; exit code 1
when anything does.
"""
import argparse
import json
import math
import re
import struct
import sys
from pathlib import Path

import h5py
import numpy as np

MISSING = object()
SURROGATE = re.compile("[\ud800-\udfff]")


class Unfit(Exception):
    """A column that the layout has no type for; the message is its name."""


def records_of(path):
    """The records, or None if the file is not for us: no JSON, of several kinds, or with keys that no file holds."""
    try:
        records = [json.loads(line) for line in open(path, encoding="utf-8") if line.strip()]
    except (ValueError, RecursionError):
        return None
    kind = lambda record: dict if isinstance(record, dict) else list if isinstance(record, list) else None
    if not records or len({kind(record) for record in records}) != 1:
        return None
    return records


def columns_of(records):
    """{label: [value, …]}, MISSING where there is none: absent, null and NaN are the same here."""
    if isinstance(records[0], dict):
        labels = list(dict.fromkeys(key for record in records for key in record))
        columns = {label: [record.get(label) for record in records] for label in labels}
    elif isinstance(records[0], list):
        width = max(map(len, records))
        columns = {str(i): [record[i] if i < len(record) else None for record in records] for i in range(width)}
    else:
        columns = {"0": records}
    absent = lambda value: value is None or (isinstance(value, float) and math.isnan(value))
    return {label: [MISSING if absent(v) else v for v in values] for label, values in columns.items()}


def canonical(value):
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return SURROGATE.sub(lambda m: f"\\u{ord(m[0]):04x}", text)


def expected(label, values, text):
    """(kind, values) of a column; raises Unfit."""
    there = [v for v in values if v is not MISSING]
    types = {type(v) for v in there}
    if "\0" in label or SURROGATE.search(label):
        raise Unfit(label)
    if not there:
        return "float", values
    if types == {bool}:
        return "bool", values
    if types == {str}:
        return "text", held(label, values)
    if types <= {list, dict}:
        return "text", [v if v is MISSING else canonical(v) for v in values]
    if types <= {int, float}:
        ints = [v for v in there if type(v) is int]
        signed = all(-(2**63) <= v < 2**63 for v in ints)
        if signed or all(0 <= v < 2**64 for v in ints):
            kind = "float" if float in types else "int" if signed else "uint"
            return kind, [float(v) if kind == "float" and v is not MISSING else v for v in values]
    if not text:
        raise Unfit(label)
    return "text", held(label, [v if v is MISSING or isinstance(v, str) else canonical(v) for v in values])


def held(label, texts):
    if any(t is not MISSING and ("\0" in t or SURROGATE.search(t)) for t in texts):
        raise Unfit(label)
    return texts


def link_of(label):
    name = label.replace("%", "%25").replace("/", "%2F")
    if name.endswith("__missing"):
        name = name[: -len("__missing")] + "%5F%5Fmissing"
    return {"": "%", ".": "%2E"}.get(name, name)


def read(group, link):
    """(kind, values) of a column as it is in the file."""
    dataset = group[link]
    kind = {"i": "int", "u": "uint", "f": "float", "b": "bool", "O": "text"}[dataset.dtype.kind]
    values = (dataset.asstr()[()] if kind == "text" else dataset[()]).tolist()
    if link + "__missing" in group:
        mask = group[link + "__missing"]
        assert mask.dtype == bool and "_FillValue" not in dataset.attrs
        placeholder = {"text": "", "bool": False, "int": 0, "uint": 0}[kind]
        assert all(v == placeholder for v, missing in zip(values, mask[()]) if missing)
        values = [MISSING if missing else v for v, missing in zip(values, mask[()])]
    elif "_FillValue" in dataset.attrs:
        (fill,) = dataset.attrs["_FillValue"].tolist()
        assert dataset.attrs["_FillValue"].dtype == dataset.dtype and dataset.fillvalue == fill
        values = [MISSING if v == fill else v for v in values]
    if kind == "float":
        values = [MISSING if math.isnan(v) else v for v in values]
    return kind, values


def same(a, b):
    if type(a) is float and type(b) is float:
        return struct.pack("<d", a) == struct.pack("<d", b)
    return type(a) is type(b) and a == b


def difference(columns, path):
    """None, or what is not as in `columns`, {label: (kind, values)}."""
    with h5py.File(path) as file:
        group = file["data"]
        order = [name for name in group.attrs["column-order"].tolist()]
        links = [link_of(label) for label in columns]
        if order != links or [n for n in group if not n.endswith("__missing")] != links:
            return f"columns {links} != {order}"
        for label, (kind, values) in columns.items():
            link = link_of(label)
            if (group[link].attrs.get("column_name", link) != label) or group[link].shape != (len(values),):
                return f"{label!r}: name or length"
            found, ours = read(group, link)
            if found != kind:
                return f"{label!r}: {kind} != {found}"
            row = next((i for i, (a, b) in enumerate(zip(values, ours)) if not same(a, b)), None)
            if row is not None:
                return f"{label!r}, row {row}: {ascii(values[row])[:60]} != {ascii(ours[row])[:60]}"
    return None


def judge(source, output, said, text):
    """None if all is well."""
    records = records_of(source)
    if records is None:
        return None
    try:
        columns = {label: expected(label, values, text) for label, values in columns_of(records).items()}
    except Unfit as unfit:
        if output.exists():
            return f"column {unfit} must be refused"
        told = [line for line in said if f"{source.stem}.json" in line and "error" in line]
        return None if told and re.search(r"line \d+", told[0]) and "column" in told[0] or SURROGATE.search(str(unfit)) else f"refused without its place: {told}"
    if not output.exists():
        return f"no output: {[line for line in said if source.stem in line]}"
    return difference(columns, output)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", required=True, type=Path)
    parser.add_argument("--outputs", required=True, type=Path)
    parser.add_argument("--said", required=True, type=Path)
    parser.add_argument("--text", action="store_true")
    arguments = parser.parse_args()
    said = arguments.said.read_text("utf-8", "replace").splitlines()
    different, cases, outputs = 0, 0, 0
    for source in sorted(arguments.inputs.glob("*.json")):
        cases += records_of(source) is not None
        output = arguments.outputs / f"{source.stem}.h5"
        outputs += output.exists()
        what = judge(source, output, said, arguments.text)
        if what:
            different += 1
            print(f"{source.stem}: {what}")
    print(f"{cases} cases, {outputs} outputs, {different} differ")
    return 1 if different or not cases or not outputs else 0


if __name__ == "__main__":
    sys.exit(main())
