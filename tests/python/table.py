"""Converts sources with `--layout table` and compares what pandas reads with the rules.

    python table.py --program H5INBOX --folder DIR [--seed S] [--n N]

In DIR the sources and outputs are kept, so that each pandas compares the same outputs: the first run converts. Cases are the
hand-written ones of table_cases.py and N random tables of random_cases.py, each refused or as text where it does not fit. The
outputs of queries.json are queried and appended to by the pandas at hand. Prints what differs; exit code 1 when anything does.
"""
import argparse
import json
import random
import re
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import pandas as pd

import random_cases
import table_cases
import table_rules as rules
from compare import PANDAS
from sidecar import lines_of

QUERIED = 200_000


def random_lines(seed, number):
    rng = random.Random(f"table/{seed}/{number}")
    make = rng.choice([random_cases.table] * 8 + [random_cases.lists, random_cases.scalars])
    return lines_of(make(rng).decode())


def all_cases(seed, count):
    yield from table_cases.cases()
    for number in range(count):
        for text in (False, True):
            yield table_cases.Case(f"random-{number}-{'text' if text else 'refuse'}", random_lines(seed, number), text=text)


def queried():
    """A source for queries: line by line, because it is long."""
    for n in range(QUERIED):
        yield json.dumps({
            "n": n, "price": None if n % 10 == 0 else n / 8, "buy": n % 2 == 0, "symbol": None if n % 7 == 0 else ["AAPL", "ÖL"][n % 2],
            "at": f"2024-01-01T{n // 3600 % 24:02}:{n // 60 % 60:02}:{n % 60:02}", "zoned": f"2024-01-01T00:00:{n % 60:02}Z", "a/b": n % 5})


def convert(program, folder, cases):
    """Converts all cases, those with the same options together, and keeps what was said of each."""
    groups, said = {}, {}
    for case in cases:
        (folder / f"{case.name}.json").write_bytes("".join(line + "\n" for line in case.lines).encode("utf-8", "surrogatepass"))
        packed = ["--compression", "zlib:1"] if len(groups) % 2 else []
        groups.setdefault((case.text, *case.options), (packed, []))[1].append(folder / f"{case.name}.json")
    with open(folder / "queries.json", "w", encoding="utf-8") as f:
        f.writelines(line + "\n" for line in queried())
    for name in ("queries", "packed"):
        packed = ["--compression", "zlib:4", "--outdir", folder / "packed"] if name == "packed" else []
        groups[name, "--type", "at=datetime", "--type", "zoned=datetime"] = packed, [folder / "queries.json"]
    for (text, *options), (packed, sources) in groups.items():
        unfit = ["--on-unfit", "text"] if text is True else []
        done = subprocess.run([program, "convert", "--layout", "table", "--key", "/a/table of", *unfit, *options, *packed, *sources],
                              capture_output=True, text=True)
        for what in done.stderr.split("error: ")[1:]:
            said[re.search(r"([^/]+)\.json: ", what)[1]] = what
    (folder / "said").write_text(json.dumps(said))


def read(path, **what):
    return pd.read_hdf(path, "/a/table of", **what)


def parsed(case):
    return rules.columns_of([json.loads(line) for line in case.lines])


def named(label):
    """How a message names a column, where that is plain."""
    label = str(label)
    return f"column `{label}`"[:60] if re.fullmatch(r"[\w .]*", label, re.ASCII) else ""


def refusal(case, columns):
    """What a refusal must say, if the rules refuse the case: the column, and the line where it is simple."""
    columns = {label: values for label, values in columns.items() if label not in case.series}
    texts = {}
    for label, values in columns.items():
        unfit = not rules.fits(values)
        if unfit and not case.text:
            row = rules.first_unfit(values)
            # Of integers that no type holds together, another pair may be the first one that is seen.
            integers = all(rules.kind_of(value) in ("number", "absent") for value in values[:row + 1])
            return named(label), "line " if integers else f"line {row + 1}, "
        if unfit or {rules.kind_of(value) for value in values} - {"absent"} == {"text"}:
            texts[label] = values
            if (row := rules.first_text(values, rules.is_wild)) is not None:
                return named(label), f"line {row + 1}, "
    # Texts are looked at when all columns are known to have a type.
    for label, values in texts.items():
        if (row := rules.first_text(values, lambda text: text.endswith("\0"))) is not None:
            return named(label), f"line {row + 1}, "
    return None


def difference(case, output, said):
    """None, or what is different from the expectation."""
    if case.refused:
        return None if not output.exists() and case.refused in said else f"must be refused with {case.refused!r}, said {said!r}"
    columns = parsed(case)
    refused = refusal(case, columns)
    if refused:
        told = not output.exists() and all(word in said for word in refused)
        return None if told else f"must be refused with {refused}, said {said!r}"
    if not output.exists():
        return f"no output: {said!r}"
    written = {label: values if rules.fits(values) else list(map(rules.text_of, values)) for label, values in columns.items()}
    expected = {label: case.series.get(label, rules.series_of(values)) for label, values in written.items()}
    return rules.difference(expected, read(output), columns)


def same_as_dataframe(case, output):
    """None, or what differs from the frame that pandas makes of the lines, where a table holds it without hints."""
    columns = parsed(case)
    if PANDAS < (3, 1) or case.series or case.refused or not output.exists() or not all(map(rules.fits, columns.values())):
        return None
    with warnings.catch_warnings(action="ignore"):
        frame = pd.DataFrame([json.loads(line) for line in case.lines])
    nothing = [label for label in frame if frame[label].isna().all()]
    try:
        pd.testing.assert_frame_equal(frame.drop(columns=nothing), read(output).drop(columns=nothing), check_column_type=False,
                                      check_index_type=False, check_exact=True)
    except AssertionError as e:
        return f"not what DataFrame makes: {e}"
    return None


def queries(path):
    """What is wrong with the answers to some queries of one table."""
    frame, noon = read(path), pd.Timestamp("2024-01-01T12:00:00")
    zoned = pd.Timestamp("2024-01-01T00:00:30", tz="UTC")
    assert len(frame) == QUERIED and list(frame) == ["n", "price", "buy", "symbol", "at", "zoned", "a/b"]
    for where, rows in {
        "n >= 150000": frame.n >= 150000, "price < 10": frame.price < 10, "buy == True": frame.buy, "symbol == 'ÖL'": frame.symbol == "ÖL",
        "at > noon": frame["at"] > noon, "at == '2024-01-01T00:00:07'": frame["at"] == "2024-01-01T00:00:07", "zoned <= zoned_at": frame.zoned <= zoned,
        "index > 199990 & buy == False": (frame.index > 199990) & ~frame.buy, "n > 5 & symbol != 'AAPL'": (frame.n > 5) & (frame.symbol != "AAPL"),
    }.items():
        zoned_at = zoned                                      # `where` finds names in the caller's frame
        found = pd.read_hdf(path, "/a/table of", where=where)
        pd.testing.assert_frame_equal(found, frame[rows], check_freq=False)
        assert 0 < len(found) < len(frame) and zoned_at, where
    pd.testing.assert_frame_equal(read(path, columns=["a/b", "symbol"]), frame[["a/b", "symbol"]])
    pd.testing.assert_frame_equal(read(path, start=123_456, stop=123_460), frame.iloc[123_456:123_460])
    pd.testing.assert_frame_equal(read(path, where="n > 199990", columns=["n"]), frame.loc[frame.n > 199990, ["n"]])
    chunks = list(read(path, chunksize=60_000))
    assert [len(chunk) for chunk in chunks] == [60_000, 60_000, 60_000, 20_000]
    pd.testing.assert_frame_equal(pd.concat(chunks), frame)
    assert sum(len(chunk) for chunk in read(path, iterator=True, chunksize=70_000, where="buy == True")) == QUERIED // 2


def appended(folder, output):
    """Rows that pandas appends stand behind ours."""
    copy = folder / f"appended-{pd.__version__}.h5"
    shutil.copy(output, copy)
    frame = read(copy)
    more = frame.copy()
    more.index = more.index + len(frame)
    more.to_hdf(copy, key="/a/table of", mode="a", append=True, format="table", data_columns=True)
    pd.testing.assert_frame_equal(read(copy), pd.concat([frame, more]), check_dtype=False)
    copy.unlink()


# Names that are fields; pandas 1.5 knows points in time under another name than we write, and cannot append to them.
APPENDED = table_cases.Case("appended", table_cases.rows(
    i=["1", "2", "3"], f=["1.5", "null", "3"], b=["true", "false", "true"], s=['"a"', '"bcd"', "null"], t=['"2020-01-01"', '"2020-01-02"', "null"]),
    ["--type", "t=datetime"], {"t": pd.Series(pd.to_datetime(["2020-01-01", "2020-01-02", None])).astype("datetime64[ns]")})
TIMELESS = table_cases.Case("appended-timeless", [re.sub(r',"t":[^}]*', "", line) for line in APPENDED.lines])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--folder", required=True, type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--n", type=int, default=30)
    arguments = parser.parse_args()
    folder = arguments.folder
    cases = [*all_cases(arguments.seed, arguments.n), APPENDED, TIMELESS]
    if not (folder / "said").exists():
        convert(arguments.program, folder, cases)
    said, different = json.loads((folder / "said").read_text()), 0
    # Reading our files gives no reason to warn.
    warnings.simplefilter("error")
    for case in cases:
        output = folder / f"{case.name}.h5"
        try:
            what = difference(case, output, said.get(case.name, "")) or same_as_dataframe(case, output)
        except Exception as e:
            what = f"cannot be compared: {type(e).__name__}: {e}"
        if what:
            different += 1
            print(f"pandas {pd.__version__}: {case.name}: {what}"[:600])
    warnings.simplefilter("ignore")
    queries(folder / "queries.h5")
    pd.testing.assert_frame_equal(read(folder / "packed/queries.h5"), read(folder / "queries.h5"))
    assert len(read(folder / "packed/queries.h5", where="n > 199990")) == 9
    appended(folder, folder / ("appended.h5" if PANDAS >= (2, 0) else "appended-timeless.h5"))
    print(f"{len(cases)} cases, {different} differ")
    return 1 if different or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
