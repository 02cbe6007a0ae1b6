"""Compares what `h5inbox schema --json` and `convert` tell of sources with the frames that pandas reads, and with counting
and looking for oddities in Python.

    python schema.py --program H5INBOX --folder DIR [--seed S] [--n N]

Prints what differs; exit code 1 when anything does.
"""
import argparse
import json
import math
import random
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd

import random_cases

TYPES = {"h": "nullable-int", "f": "float64", "s": "string", "d": "datetime", "z": "datetime", "u": "datetime:s"}
ORDER = ["lost_digits", "duplicate_key", "lost_nul", "mixed_types", "all_null"]
PAD = ',"pad":"%s"' % ("p" * 500)


def by_hand():
    big = 2**53 + 1
    yield "empty", ""
    yield "blank", "\n\n"
    yield "no-columns", "{}\n{}\n"
    yield "all-null-alone", '{"a":1}\n\n{"a":2,"n":null}\n{"n":null}\n'
    yield "all-null-beside-list", '{"n":null,"l":[1]}\n{"n":null}\n'
    yield "all-null-and-missing", '{"a":1}\n{"n":null}\n'
    yield "only-nan", '{"a":1}\n{"a":1,"n":NaN}\n'
    yield "lost-digits", '{"a":1}\n \n{"a":null}\n{"a":%d}\n{"a":%d}\n' % (2**60, big)
    yield "lost-digits-missing", '{"a":%d,"b":1}\n\n{"b":%d}\n{"b":0.5}\n' % (big, -big)
    yield "lost-digits-unsigned", '{"a":%d}\n{"a":null}\n' % (2**64 - 1)
    yield "lost-digits-by-hint", '{"f":1}\n{"f":%d}\n{"f":%d}\n' % (2**70, 2**70 + 1)
    yield "no-digits-lost", '{"a":%d,"h":%d,"h":%d}\n{"h":null}\n' % (big, big, big)
    yield "twice", '{"b":1,"a":1}\r\n\r\n{"a":1,"b":2,"a":3}\r\n{"b":1,"b":2,"b":3,"a":1,"a":2}\r\n'
    yield "mixed", '{"a":null}\n{"a":1}\n{"a":2.5}\n{"a":"x"}\n{"a":1}\n'
    yield "mixed-kinds", '{"a":true,"b":[],"c":"x","d":null}\n{"a":1,"b":{},"c":[1]}\n{"a":"x","b":null,"c":null}\n'
    yield "no-mixture", '{"a":true,"b":[1],"c":%d}\n{"a":null,"b":{},"c":-1}\n' % 2**63
    yield "nul", '{"a\\u0000":1}\n{"b\\u0000\\u0000":null,"a\\u0000":2}\n'
    yield "hints", ('{"h":1,"f":1,"s":1,"d":"2020-01-01","z":"2020-01-01T00:00Z","u":1}\n'
                    '{"h":null,"f":null,"s":null,"d":null,"z":null,"u":null}\n{}\n{"h":NaN,"f":NaN,"s":NaN,"d":NaN}\n')
    yield "lists", '[1,null,"x"]\n[2]\n\n[%d,null,3]\n[null,null]\n' % big
    yield "scalars", "1\nnull\n%d\n" % big
    yield "a-long-name", '{"%s":null}\n' % ("é" * 10_000)


def far_apart():
    """Oddities a batch or more behind the first record, after blank lines of all kinds."""
    rows = []
    for row in range(9000):
        pairs = ['"i":%s' % ("null" if row == 7000 else 2**53 + (row == 6000 or row == 8000))]
        pairs.append('"m":%s' % (row if row < 7777 else '"x"'))
        if row > 4321:
            pairs.append('"n":null')
        if row > 8000:
            pairs += ['"t":1', '"t":2', '"e\\u0000":%d' % row]
        rows.append("{" + ",".join(pairs) + PAD + "}" + ("\n" if row % 100 else random.Random(row).choice(["\r", "\n \n", "\r\n\r\n"])))
    yield "far-apart", "".join(rows)


def at_random(seed, count):
    for number in range(count):
        rng = random.Random(f"schema/{seed}/{number}")
        make = rng.choice([random_cases.table] * 4 + [random_cases.lists, random_cases.scalars])
        yield f"random-{number}", make(rng).decode()


class Source:
    """The records of a text with their lines, as Python reads them, and the columns with their cells."""

    def __init__(self, text):
        self.twice, self.records = {}, []
        for number, line in enumerate(re.split("\r\n|\r|\n", text), 1):
            if line.strip(" \t"):
                self.number = number
                self.records.append((number, self.record(line)))
        self.columns = {}
        for _, record in self.records:
            for label, _ in cells(record):
                self.columns.setdefault(label, [])
        short = None if self.records and isinstance(self.records[0][1], list) else math.nan
        for number, record in self.records:
            have = dict(cells(record))
            for label, column in self.columns.items():
                column.append((number, have.get(label, short), label in have))

    def record(self, line):
        self.depth = 0
        value = json.loads(line, object_pairs_hook=lambda pairs: Pairs(pairs))
        if isinstance(value, Pairs):
            keys = [key for key, _ in value.pairs]
            for key in keys:
                if keys.count(key) > 1:
                    self.twice.setdefault(key, self.number)
        return value


class Pairs(dict):
    """An object that still knows all its members."""

    def __init__(self, pairs):
        super().__init__(pairs)
        self.pairs = pairs


def cells(record):
    if isinstance(record, dict):
        return record.items()
    return enumerate(record) if isinstance(record, list) else [(0, record)]


def missing(value):
    return isinstance(value, float) and math.isnan(value)


def kind(value):
    if value is None or missing(value):
        return None
    return "number" if type(value) in (int, float) else "nested" if isinstance(value, (list, dict)) else type(value)


def lossy(value):
    try:
        return type(value) is int and int(float(value)) != value
    except OverflowError:
        return False


def oddities(source, frame):
    """(code, column, first line) of each, in our order."""
    found = []
    for position, (label, column) in enumerate(source.columns.items()):
        dtype, first = str(frame.dtypes.iloc[position]), lambda test: next((n for n, v, there in column if test(v, there)), None)
        kinds = [(number, kind(value)) for number, value, _ in column if kind(value)]
        other = next((number for number, one in kinds if one != kinds[0][1]), None)
        lines = {
            "lost_digits": first(lambda v, _: lossy(v)) if dtype == "float64" else None,
            "duplicate_key": source.twice.get(label),
            "lost_nul": first(lambda _, there: there) if str(label).endswith("\0") else None,
            "mixed_types": other if dtype == "object" else None,
            "all_null": None if kinds else first(lambda _, there: there),
        }
        found += [(ORDER.index(code), position, code, str(label), line) for code, line in lines.items() if line]
    one_array = len(source.records) == 1 and isinstance(source.records[0][1], list)
    return [tuple(one[2:]) for one in sorted(found)] + [("one_array", "", 1)] * one_array


def difference(text, output, schema, said):
    """None, or what is told wrongly."""
    source, frame = Source(text), pd.read_hdf(output, "/data")
    if (schema["rows"], schema["bad_records"]) != (len(source.records), 0):
        return f"{schema['rows']} rows, {schema['bad_records']} bad"
    dtypes = [str(dtype) for dtype in frame.dtypes]
    told = [(c["name"], c["dtype"], c["values"], c["null"], c["missing"]) for c in schema["columns"]]
    expected = []
    for dtype, (label, column) in zip(dtypes, source.columns.items(), strict=True):
        values = [value for _, value, _ in column]
        null, gone = sum(v is None for v in values), sum(missing(v) for v in values)
        expected.append((str(label), dtype, len(values) - null - gone, null, gone))
    if told != expected:
        return f"columns {expected} != {told}"[:600]
    warnings = [(w["code"], w["column"], w["line"]) for w in schema["warnings"]]
    if warnings != oddities(source, frame):
        return f"warnings {oddities(source, frame)} != {warnings}"[:600]
    messages = [w["message"] for w in schema["warnings"]]
    if said != messages[:20] + ([f"and {len(messages) - 20} more; see `h5inbox schema`"] if len(messages) > 20 else []):
        return f"convert said {said}, schema {messages}"
    told = [(w["line"], m) for w, m in zip(schema["warnings"], messages) if w["column"]]
    wordy = [m for line, m in told if f"line {line}" not in m or len(m) > 400]
    return f"says no line, or too much: {wordy}" if wordy else None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--folder", required=True, type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--n", type=int, default=60)
    arguments = parser.parse_args()
    sources = dict([*by_hand(), *far_apart(), *at_random(arguments.seed, arguments.n)])
    paths = [arguments.folder / f"{name}.json" for name in sources]
    for path in paths:
        path.write_bytes(sources[path.stem].encode())
    hints = [word for column, hint in TYPES.items() for word in ("--type", f"{column}={hint}")]
    run = lambda verb, *more: subprocess.run([arguments.program, verb, *hints, *more, *paths], capture_output=True, text=True)
    converted, schemas = run("convert"), run("schema", "--json")
    told = {Path(line["path"]).stem: line for line in map(json.loads, schemas.stdout.splitlines())}
    said = {}
    for line in converted.stderr.splitlines():
        match = re.match(r"warning: .*/([^/]+)\.json: (.*)", line)
        if match:
            said.setdefault(match[1], []).append(match[2])
    different = schemas.returncode + converted.returncode
    for path in paths:
        what = difference(sources[path.stem], path.with_suffix(".h5"), told[path.stem], said.get(path.stem, []))
        if what:
            different += 1
            print(f"{path.stem}: {what}")
    print(f"{len(paths)} sources, {different} differ{schemas.stderr}")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
