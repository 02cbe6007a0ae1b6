"""What each tool makes of each kind of input, as a Markdown table.

    python kinds.py H5INBOX

`same`: the records as Python's json reads them, as pandas' DataFrame has them: columns in order, values with their
types (a missing value or null may be None or NaN). `refuses`: an error, and no data. `wrong`: data, without an error,
that are something else; the first difference stands behind it. `crashes` and `hangs` are what they say. Each tool runs
in a process of its own, with its defaults.
"""
import gzip
import json
import math
import os
import subprocess
import sys
import tempfile

TOOLS = ("h5inbox", "pandas.read_json", "polars", "duckdb", "pyarrow")


def lines(*records):
    return "".join(json.dumps(record) + "\n" for record in records)


LATE = [{"a": 1}] * 30_000
# Kind, content, and the lines it stands for where the script of json.loads and DataFrame does not take it as it is.
KINDS = [
    ("numbers, text, booleans",
     lines({"a": 1, "b": 1.5, "c": "x", "d": True}, {"a": -2, "b": 2.0, "c": "", "d": False}), None),
    ("floats of 17 digits", lines(*({"a": i * math.pi * 10.0 ** (i % 40 - 20)} for i in range(300))), None),
    ("integers above 2^63", lines({"a": 2**63}, {"a": 2**64 - 1}), None),
    ("integers above 2^64", lines({"a": 2**64}, {"a": 1}), None),
    ("integers, and a float in row 30,001", lines(*LATE, {"a": 1.5}), None),
    ("integers, and a text in row 30,001", lines(*LATE, {"a": "x"}), None),
    ("a key first seen in row 30,001", lines(*LATE, {"b": 2}), None),
    ("booleans with null", lines({"a": True}, {"a": None}), None),
    ("text that looks like dates or numbers", lines({"date": "2012-02-28 09:00:00", "n": "007"}), None),
    ("numbers and text in a column", lines({"a": 1}, {"a": "x"}, {"a": None}), None),
    ("lists and objects of changing shape", lines({"a": [1, "x"]}, {"a": {"b": [None]}}, {"a": 1}), None),
    ("keys twice in a record", '{"a":1,"a":2}\n', None),
    ("NaN and Infinity", '{"a":NaN}\n{"a":-Infinity}\n', None),
    ("1e400", '{"a":1e400}\n', None),
    ("a column of nulls", lines({"a": None, "b": 1}, {"a": None, "b": 2}), None),
    ("300 columns", lines(*({f"k{i}": i for i in range(300)} for _ in range(3))), None),
    ("keys in changing order", lines({"b": 1, "a": 2}, {"a": 3, "b": 4}), None),
    ("empty keys, keys with dots and slashes", lines({"": 1, "a.b": 2, "a/b": 3}), None),
    ("NUL in text", lines({"a": "x\0y"}), None),
    ("a record of 3 MB", lines({"a": "x" * 3_000_000}), None),
    ("lists instead of objects", lines([1, "a"], [2, "b"]), None),
    ("an empty file", "", None),
    ("blank lines", '{"a":1}\n\n{"a":2}\n', ['{"a":1}', '{"a":2}']),
    ("a byte order mark", '\ufeff{"a":1}\n', ['{"a":1}']),
    ("line ends CR LF and CR", '{"a":1}\r\n{"a":2}\r{"a":3}', None),
    ("pretty-printed objects", '{\n  "a": 1\n}\n{\n  "a": 2\n}\n', ['{"a":1}', '{"a":2}']),
    ("an array over several lines", '[\n{"a": 1},\n{"a": 2}\n]\n', ['{"a":1}', '{"a":2}']),
    ("gzip in a file called .json", gzip.compress(b'{"a":1}\n{"a":2}\n'), ['{"a":1}', '{"a":2}']),
    ("half a surrogate pair in text", '{"a":"\\ud800"}\n', "refuse"),
    ("a last line cut short", '{"a":1}\n{"a":', "refuse"),
    ("a number with a leading zero", '{"a":01}\n', "refuse"),
    ("two records on a line", '{"a":1}\n{"a":2}{"a":3}\n', "refuse"),
    ("bytes that are not UTF-8", b'{"a":"\xff"}\n', "refuse"),
    ("a list after objects", '{"a":1}\n[1]\n', "refuse"),
    ("nesting 100,000 deep", '{"a":%s}\n' % ("[" * 100_000 + "]" * 100_000), "refuse"),
]


def plain(value):
    """A value without its library: None for every kind of missing."""
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value.item() if hasattr(value, "item") else value


def columns_of(frame):
    """Labels and values of a pandas frame; of a column with missing values whole floats may be integers."""
    import pandas as pd
    out = []
    for position, label in enumerate(frame.columns):
        values = frame.iloc[:, position].tolist()
        out.append((label, [None if value is pd.NA or value is pd.NaT else plain(value) for value in values]))
    return out


def read(tool, path, h5inbox):
    """The columns that a tool reads."""
    if tool == "h5inbox":
        import pandas as pd
        folder = os.path.dirname(path)
        done = subprocess.run([h5inbox, "convert", path, "--outdir", folder + "/out"], capture_output=True, text=True)
        if done.returncode != 0:
            raise ValueError(done.stderr)
        return columns_of(pd.read_hdf(folder + "/out/x.h5", "/data"))
    if tool == "pandas.read_json":
        import pandas as pd
        return columns_of(pd.read_json(path, lines=True))
    if tool == "polars":
        import polars
        frame = polars.read_ndjson(path)
        return [(name, plain(frame[name].to_list())) for name in frame.columns]
    if tool == "duckdb":
        import duckdb
        found = duckdb.sql(f"select * from read_json_auto('{path}')")
        rows = found.fetchall()
        return [(name, plain([row[i] for row in rows])) for i, name in enumerate(found.columns)]
    import pyarrow.json
    table = pyarrow.json.read_json(path)
    return [(name, plain(table[name].to_pylist())) for name in table.column_names]


def expected(content, like):
    import pandas as pd
    raw = content.encode() if isinstance(content, str) else content
    text = raw.decode() if like is None else None
    if like is None:
        like = text.replace("\r\n", "\n").replace("\r", "\n").splitlines()
    records = [json.loads(line) for line in like]
    return columns_of(pd.DataFrame(records))


def same(a, b):
    """Equal down to types; an integer column that pandas must make floats, because it has nulls, may stay integers."""
    if type(a) is not type(b):
        return isinstance(a, float) and type(b) is int and a == b
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    return a == b


def difference(right, got):
    if [label for label, _ in right] != [label for label, _ in got]:
        return "other columns"
    for (label, values), (_, found) in zip(right, got):
        if len(values) != len(found):
            return f"{len(found)} rows for {len(values)}"
        for a, b in zip(values, found):
            if not same(a, b):
                return f"{a!r} becomes {b!r}"[:48]
    return None


def one(tool, number, h5inbox):
    kind, content, like = KINDS[number]
    with tempfile.TemporaryDirectory() as folder:
        path = folder + "/x.json"
        with open(path, "wb") as f:
            f.write(content.encode() if isinstance(content, str) else content)
        try:
            got = read(tool, path, h5inbox)
        except Exception:
            return "refuses"
    if like == "refuse":
        return "wrong: " + ", ".join(f"{v!r}"[:24] for _, values in got[:1] for v in values[:3])
    found = difference(expected(content, like), got)
    return "same" if found is None else "wrong: " + found


def table(h5inbox):
    yield "| input | " + " | ".join(TOOLS) + " |"
    yield "|---" * (len(TOOLS) + 1) + "|"
    for number, (kind, _, like) in enumerate(KINDS):
        cells = []
        for tool in TOOLS:
            command = [sys.executable, __file__, "--one", tool, str(number), h5inbox]
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=20)
                cells.append(done.stdout.strip() if done.returncode == 0 else "crashes")
            except subprocess.TimeoutExpired:
                cells.append("hangs")
        right = "refuses" if like == "refuse" else "same"
        shown = [f"**{cell}**" if cell == right else cell.replace("|", "\\|") for cell in cells]
        yield f"| {kind} | " + " | ".join(shown) + " |"


if __name__ == "__main__":
    if sys.argv[1] == "--one":
        print(one(sys.argv[2], int(sys.argv[3]), sys.argv[4]))
    else:
        for row in table(os.path.abspath(sys.argv[1])):
            print(row, flush=True)
