"""Converts sources with record options (hints, nested values) and compares with what pandas itself makes of them.

    python options.py --program H5INBOX --folder DIR [--compression KIND] [--seed S] [--n N]

In DIR the sources and outputs are kept, so that each pandas compares the same outputs: the first run converts. The
expectation is made by the pandas at hand: the nested values by json.dumps and json_normalize, hinted columns by astype,
to_datetime and pandas.array, all others by writing and reading the reference's frame. Prints what differs; exit code 1
when anything does.
"""
import argparse
import fnmatch
import json
import math
import re
import subprocess
import sys
import tempfile
import warnings
from collections import defaultdict
from fractions import Fraction
from pathlib import Path

import pandas as pd

import options_cases
from compare import shown, value_difference

warnings.simplefilter("ignore")

VERSION = tuple(int(n) for n in pd.__version__.split(".")[:2])
UNITS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}


def canonical(value):
    """The text of a list or object; a lone surrogate stays escaped, because no UTF-8 holds it."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return re.sub("[\ud800-\udfff]", lambda m: f"\\u{ord(m[0]):04x}", text)


def reference_frame(case):
    """The frame before hints and before writing."""
    records = options_cases.records_of(case.content)
    if case.nested == "flatten" and isinstance(records[0], dict):
        return pd.json_normalize(records)
    if case.nested == "json":
        text = lambda value: canonical(value) if isinstance(value, (dict, list)) else value
        records = [{k: text(v) for k, v in r.items()} if isinstance(r, dict) else [text(v) for v in r] for r in records]
    return pd.DataFrame(records)


def read_back(frame):
    """`frame` as it comes out of a file."""
    with tempfile.TemporaryDirectory() as folder:
        frame.to_hdf(Path(folder) / "f.h5", key="/data")
        return pd.read_hdf(Path(folder) / "f.h5", "/data")


def hint_for(label, types):
    return next((hint for pattern, hint in types.items() if matches(str(label), pattern)), None)


def matches(label, pattern):
    alternatives = pattern[1:-1].split(",") if pattern.startswith("{") else [pattern]
    return label == pattern or any(fnmatch.fnmatchcase(label, one) for one in alternatives)


def absent(value):
    return value is None or (isinstance(value, float) and math.isnan(value))


def column_values(case, label):
    """A column as Python values, None for null and NaN for missing, integers exact."""
    if case.nested == "flatten":
        return pd.json_normalize(options_cases.records_of(case.content)).astype(object)[label].tolist()
    values = []
    for record in options_cases.records_of(case.content):
        if isinstance(record, dict):
            values.append(record.get(label, math.nan))
        elif isinstance(record, list):
            values.append(record[label] if label < len(record) else None)
        else:
            values.append(record)
    return [canonical(v) if case.nested == "json" and isinstance(v, (dict, list)) else v for v in values]


def cast(values, hint):
    """What pandas makes of `values` under `hint`."""
    series = pd.Series(values, dtype=object)
    if hint in ("int64", "uint64", "float64"):
        return series.astype(hint)
    if hint == "bool":
        return series.map(lambda v: {"true": True, "false": False, "1": True, "0": False}[str(v).lower()]).astype(bool)
    if hint == "string":
        texts = [v if absent(v) or isinstance(v, str) else json.dumps(v) for v in values]
        return read_back(pd.DataFrame({"v": pd.Series(texts, dtype=object)}))["v"]
    if hint == "nullable-int":
        exact = pd.Series([v if absent(v) else int(v) for v in values], dtype=object)
        return pd.Series(pd.array(exact.to_numpy(), dtype="Int64")) if VERSION >= (2, 3) else exact
    return moments(series, hint.partition(":")[2])


def moments(series, form):
    if form in UNITS:
        return series.map(lambda v: count(v, form)).astype("datetime64[ns]")
    how = {"format": form} if form else {"format": "ISO8601"} if VERSION >= (2, 0) else {}
    zoned = "%z" in form or bool(series.map(lambda v: isinstance(v, str) and bool(re.search(r"(Z|[T ].*[+-]\d\d:?\d\d)$", v))).any())
    times = pd.to_datetime(series, utc=zoned, **how)
    return times.astype("datetime64[ns, UTC]" if zoned else "datetime64[ns]")


def count(value, unit):
    """So many units since 1970."""
    if absent(value):
        return pd.NaT
    number = value if not isinstance(value, str) else float(value) if "." in value else int(value)
    if isinstance(number, float) and VERSION < (2, 0):
        # It rounds to what a float holds.
        return pd.Timestamp(round(Fraction(number) * UNITS[unit]))
    return pd.to_datetime(number, unit=unit)


def expected(case):
    """{label: series}, as read back."""
    frame = reference_frame(case)
    hints = {label: hint_for(label, case.types) for label in frame.columns}
    plain = read_back(frame[[label for label in frame.columns if hints[label] is None]])
    return {
        label: plain[label] if hint is None else cast(column_values(case, label), hint) for label, hint in hints.items()
    }


def column_difference(theirs, mine):
    """None, or how two columns differ, bit for bit; a missing value of pandas' own is only itself."""
    if theirs.dtype != mine.dtype:
        return f"dtype {theirs.dtype} != {mine.dtype}"
    own = (pd.NaT, getattr(pd, "NA", None))
    for row, (a, b) in enumerate(zip(theirs.astype(object).tolist(), mine.astype(object).tolist())):
        if any(a is one for one in own) or any(b is one for one in own):
            different = None if a is b else f"{a!r} != {b!r}"
        elif isinstance(a, pd.Timestamp) and isinstance(b, pd.Timestamp):
            different = None if a.value == b.value else f"{a} != {b}"
        else:
            different = value_difference(a, b)
        if different:
            return f"row {row}: {different}"
    return None


def difference(case, output, said):
    """None, or what is different from the expectation."""
    if case.refused:
        return None if not output.exists() and case.refused in said else f"must be refused with {case.refused!r}, said {said!r}"
    if not output.exists():
        return f"no output: {said!r}"
    ours, theirs = pd.read_hdf(output, "/data"), expected(case)
    labels = [ours.columns.tolist(), list(theirs)]
    if case.nested == "flatten":
        labels = [sorted(some, key=str) for some in labels]
    if labels[0] != labels[1]:
        return f"columns {shown(labels[1])} != {shown(labels[0])}"
    for label, series in theirs.items():
        mine = ours[label]
        different = column_difference(series, mine)
        if different:
            return f"column {shown(label)}: {different}"
    return None


def convert(program, compression, folder, cases):
    """Converts all cases, those with the same options together, and keeps what was said of each."""
    groups = defaultdict(list)
    for case in cases:
        (folder / f"{case.name}.json").write_bytes(case.content)
        groups[case.nested, tuple(case.types.items())].append(case)
    said = {}
    for (nested, types), group in groups.items():
        arguments = ["--compression", compression, "--nested", nested] + [word for name, hint in types for word in ("--type", f"{name}={hint}")]
        sources = [folder / f"{case.name}.json" for case in group]
        done = subprocess.run([program, "convert", *arguments, *sources], capture_output=True, text=True)
        for what in done.stderr.split("error: ")[1:]:
            said[re.search(r"([^/]+)\.json: ", what)[1]] = what
    (folder / "said").write_text(json.dumps(said))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--folder", required=True, type=Path)
    parser.add_argument("--compression", default="none")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--n", type=int, default=10)
    arguments = parser.parse_args()
    cases = list(options_cases.cases(arguments.seed, arguments.n))
    if not (arguments.folder / "said").exists():
        convert(arguments.program, arguments.compression, arguments.folder, cases)
    said, different = json.loads((arguments.folder / "said").read_text()), 0
    for case in cases:
        try:
            what = difference(case, arguments.folder / f"{case.name}.h5", said.get(case.name, ""))
        except Exception as e:
            what = f"cannot be compared: {type(e).__name__}: {e}"
        if what:
            different += 1
            print(f"pandas {pd.__version__}: {case.name}: {what}")
    print(f"{len(cases)} cases, {different} differ")
    return 1 if different or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
