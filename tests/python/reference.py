"""Compares our HDF5 files with what the reference pipeline makes of the same inputs.

    python reference.py --inputs DIR … --outputs DIR … [--differences]

The reference is the script that h5inbox replaces, run by the pandas at hand (1.5 to 3.1):

    data = [json.loads(line) for line in f]; pd.DataFrame(data).to_hdf(out, key="/data"); pd.read_hdf(out, "/data")

For each INPUTS/STEM.json, `read_hdf(OUTPUTS/STEM.h5, "/data")` must equal its frame, strictly: dtypes, every bit of every
number, None where it has None and NaN where it has NaN, Python types and key order inside object columns, labels. An
input that the reference refuses must have no output. A sidecar INPUTS/STEM.expect (see cases.py) names the exceptions:

    {"accept": ["like", "refuse", "reference"], "like": ["line", …], "why": "…"}

    reference   equal to the reference's verdict on the input itself
    refuse      no output
    like        equal to the reference's frame of the lines in `like` instead

Prints a JSON object a case, {"pandas", "case", "equal", "outcome" or "why" and "source"}, and the sum at the end;
--differences prints only the cases that differ. Exit code 1 when there are any.
"""
import argparse
import json
import os
import re
import sys
import tempfile
import warnings
from pathlib import Path

import pandas as pd

from compare import PANDAS, difference

# Old pandas warns about new numpy, PyTables about pickling; none of it is about our files.
warnings.simplefilter("ignore")

LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class Refused(Exception):
    """The reference raised; the message says what and where."""


class Expected:
    """The reference's frame: as read back, and the labels as they were before writing."""

    def __init__(self, source, more=None):
        """`source`: a path, opened as the reference opens it, or the lines themselves. `more`: a column behind the others,
        its label and its values."""
        stage = "json.loads"
        handle, path = tempfile.mkstemp(suffix=".h5")
        os.close(handle)
        os.unlink(path)
        try:
            if isinstance(source, Path):
                with open(source, encoding="utf-8") as f:
                    self.data = [json.loads(line) for line in f]
            else:
                self.data = [json.loads(line) for line in source]
            stage = "DataFrame"
            frame = pd.DataFrame(self.data)
            if more:
                frame[more[0]] = more[1]
            self.labels = frame.columns
            stage = "to_hdf"
            frame.to_hdf(path, key="/data")
            stage = "read_hdf"
            self.frame = pd.read_hdf(path, "/data")
        except Exception as e:                                # whatever it raises is its refusal
            raise Refused(f"{stage}: {type(e).__name__}: {' '.join(str(e).split())}"[:160]) from e
        finally:
            if os.path.exists(path):
                os.unlink(path)


def read_output(path):
    """Our frame, or None when there is no file, or why pandas cannot read it."""
    try:
        return pd.read_hdf(path, "/data") if path.exists() else None
    except Exception as e:
        return e


def refusal_excused(expected):
    """Lone surrogates in a text column are refused by us always, by pandas only where pyarrow holds its texts."""
    for position in range(expected.frame.shape[1]):
        texts = [x for x in expected.frame.iloc[:, position].tolist() if x is not None and x == x]
        if texts and all(isinstance(x, str) for x in texts) and LONE_SURROGATE.search("".join(texts)):
            return True
    return any(isinstance(label, str) and LONE_SURROGATE.search(label) for label in expected.labels)


def too_large_an_integer(refusal):
    """Pandas before 3.1 makes no frame of integers beyond the largest float, and most versions read none that begins
    with one. The rules are those of 3.1, which keeps them."""
    return PANDAS < (3, 1) and "OverflowError: int too large to convert to float" in str(refusal)


def against(source, ours):
    """None when `ours` is the reference's verdict on `source`, else what differs."""
    try:
        expected = Expected(source)
    except Refused as e:
        return None if ours is None or too_large_an_integer(e) else f"must be refused: {e}"
    if ours is None:
        return None if refusal_excused(expected) else "no output"
    if isinstance(ours, Exception):
        return f"our file cannot be read: {type(ours).__name__}: {' '.join(str(ours).split())}"[:200]
    return difference(expected, ours)


def check(source, output):
    """(equal, what happened) for one case."""
    sidecar = source.with_suffix(".expect")
    rule = json.loads(sidecar.read_text("utf-8")) if sidecar.exists() else {"accept": ["reference"]}
    ours, verdicts = read_output(output), []
    for outcome in rule["accept"]:
        if outcome == "refuse":
            verdict = None if ours is None else "must be refused"
        else:
            verdict = against(source if outcome == "reference" else rule["like"], ours)
        if verdict is None:
            return True, outcome
        verdicts.append(verdict)
    return False, "; ".join(verdicts)


def told(source, ok, what):
    """A line about one case; of one that differs, how its source begins."""
    about = {"outcome": what} if ok else {"why": what, "source": ascii(source.read_bytes()[:80])}
    return json.dumps({"pandas": pd.__version__, "case": source.stem, "equal": ok, **about})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", required=True, type=Path, nargs="+")
    parser.add_argument("--outputs", required=True, type=Path, nargs="+")
    parser.add_argument("--differences", action="store_true", help="print only the cases that differ")
    arguments = parser.parse_args()
    equal = cases = 0
    for inputs, outputs in zip(arguments.inputs, arguments.outputs, strict=True):
        for source in sorted(inputs.glob("*.json")):
            output = outputs / (source.stem + ".h5")
            ok, what = check(source, output)
            if not ok:                                        # a difference that does not stay is the machine's
                what += " (equal when looked at again)" if check(source, output)[0] else " (again when looked at again)"
            equal, cases = equal + ok, cases + 1
            if not (ok and arguments.differences):
                print(told(source, ok, what), flush=True)
    print(json.dumps({"pandas": pd.__version__, "cases": cases, "equal": equal, "different": cases - equal}))
    return 0 if cases and equal == cases else 1


if __name__ == "__main__":
    sys.exit(main())
