"""Hand-written cases of the table layout: records as JSON, options, and what is expected of hinted columns."""
import json
from typing import NamedTuple

import pandas as pd


class Case(NamedTuple):
    """Lines, options, and what is not as the rules of table_rules.py say."""
    name: str
    lines: list
    options: list = []
    series: dict = {}              # columns that hints make what they are
    text: bool = False             # whether unfit columns become text
    refused: str = ""              # what the message says, if it is to be refused


def rows(**columns):
    """Lines of columns, whose values are JSON; None is a missing key."""
    count = len(next(iter(columns.values())))
    members = lambda row: (f"{json.dumps(key)}:{values[row]}" for key, values in columns.items() if values[row] is not None)
    return ["{" + ",".join(members(row)) + "}" for row in range(count)]


AWKWARD = [
    "", "index", "a/b", ".", "..", "a b", "a.b", "é", "e\u0301", "中", "😀", "1", "class", "__class__", "_v_x", "_f_x", "_g_x",
    "_c_x", "_i_x", "_p_x", "values_block_0", "n\0l", "back\\slash", "new\nline", "'", '"', "nan", "table", "A", "_x", "levels",
    "columns", "k" * 300, "K" * 70_000, "a_kind", "a", "CLASS", "NROWS",
]
MIXED = {
    "nested": ['[1,{"b":2,"a":null}]', "{}", '["\\ud800"]', "null"], "objects": ['{"é":1}', None, "[]", "[[]]"],
    "flags": ["true", "false", "null", None], "big": ["1", "18446744073709551616", "null", "-9223372036854775809"],
    "signed": ["-1", "18446744073709551615", "0", "1"], "mixed": ['"x"', "1", "1.5", '"[1]"'], "plain": ["1", "2", "3", "4"],
    "odd": ["1e16", '"nan"', "true", "Infinity"],
}


def plain():
    yield Case("empty", [])
    yield Case("no-columns", ["{}"] * 3)
    yield Case("no-positions", ["[]"])
    yield Case("scalars", ["1", "2", "null"])
    yield Case("texts-as-scalars", ['"a"', "null", '""'])
    yield Case("positions", ['[1,"x",1.5,true,null]', '[2,"yy",null,false,null]', '[3,null,0.5,true,null]'])
    yield Case("ragged", ["[1]", '[2,"x"]', "[3]"])
    yield Case("dtypes", rows(
        i=["1", "-9223372036854775808", "9223372036854775807"], u=["1", "18446744073709551615", "0"], b=["true", "false", "true"],
        f=["-0.0", "Infinity", "5e-324"], n=["null", "null", "null"], m=["1", None, "3"], s=['"a"', '""', '"é😀"'],
        t=["null", '"a\\u0000b"', None], v=[None, "NaN", "null"], z=["1", "2.5", "9007199254740993"]))
    yield Case("awkward-labels", ["{" + ",".join(f"{json.dumps(key)}:{n + row}" for n, key in enumerate(AWKWARD)) + "}" for row in range(3)])
    yield Case("awkward-texts", ["{" + ",".join(f'{json.dumps(key)}:"{"x" * (n + row)}"' for n, key in enumerate(AWKWARD)) + "}" for row in range(3)])
    yield Case("looks-missing", rows(a=['"nan"', "null", '"_nan_"', '"NaN"', '"___nan___"'], b=["null"] * 4 + ['"__nan__"']))
    yield Case("one-long-text", rows(a=['"x"', json.dumps("é" * 5000), '""'], b=["1", "2", "3"]))
    yield Case("few-texts", rows(a=[json.dumps(["AAPL", "MSFT", None, "nan"][n % 4]) for n in range(3000)], b=[str(n) for n in range(3000)]))
    wide = [json.dumps({f"a column of number {n}": n % 7 if n % 3 else "t" * (n % 11) for n in range(count)}) for count in (6000, 6000)]
    yield Case("many-columns", wide)
    yield Case("some-columns", [json.dumps({f"c{n}": n for n in range(300)})] * 3)


def by_hint():
    times = ['"2020-02-29T03:04:05.123456789"', "null", '"1677-09-21T00:12:43.145224193"']
    zoned = ['"2020-02-29T03:04:05Z"', '"2020-02-29T03:04:05+02:00"', None]
    moments = [pd.Timestamp("2020-02-29T03:04:05.123456789"), pd.NaT, pd.Timestamp.min]
    utc = pd.to_datetime(["2020-02-29T03:04:05", "2020-02-29T01:04:05", None]).tz_localize("UTC")
    series = {"t": pd.Series(moments, dtype="datetime64[ns]"), "z": pd.Series(utc).astype("datetime64[ns, UTC]")}
    hints = ["--type", "t=datetime", "--type", "z=datetime"]
    yield Case("times", rows(t=times, z=zoned, i=["1", "2", "3"]), hints, series)
    odd = {"t/": series["t"], "z/": series["z"], "/z": series["z"]}
    options = [word for label in odd for word in ("--type", f"{label}=datetime")]
    yield Case("times-in-blocks", rows(**{"t/": times, "z/": zoned, "/z": zoned}), options, odd)
    exact = {"n": pd.Series([1, 9007199254740993], dtype="int64")}
    yield Case("exact", rows(n=["1", "9007199254740993"]), ["--type", "n=nullable-int"], exact)
    missing = rows(n=["1", "9007199254740993", "null"])
    yield Case("exact-missing", missing, ["--type", "n=nullable-int"], refused="line 3, byte 36: column `n`: a missing value among exact integers")
    text = {"n": pd.Series(["1", "9007199254740993", float("nan")], dtype=object)}
    yield Case("exact-missing-as-text", missing, ["--type", "n=nullable-int"], text, text=True)


def unfit():
    for name, values in MIXED.items():
        lines = rows(ok=["1", "2", "3", "4"], **{name: values})
        yield Case(f"{name}-refused", lines)
        yield Case(f"{name}-as-text", lines, text=True)
    yield Case("all-as-text", rows(**MIXED), text=True)
    yield Case("nul-end", rows(a=['"x"', '"\\u0000"']), refused="line 2, byte 15: column `a`: a text that ends in NUL")
    yield Case("nul-end-as-text", rows(a=["1", '"\\u0000"']), text=True, refused="line 2, byte 13: column `a`: a text that ends in NUL")
    yield Case("surrogate-as-text", rows(a=["1", '"\\ud800"']), text=True, refused="surrogate")


def cases():
    return [*plain(), *by_hint(), *unfit()]
