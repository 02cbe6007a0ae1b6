"""Our parser against Python's `json`: what is taken, what is refused, and every value.

    python parser_oracle.py H5INBOX --seed S --n N [--length L]

N random records, good and damaged (mutations.py), as many numbers that are hard to round (float_texts.py), every byte
and escape in a text, and with --length every text of so many tokens. Each record is a source of its own, so that taking and refusing show; those that
Python takes stand together in one more source, whose values are compared. A record that comes out differently is made
as short as it can be and printed, and the sum at the end. Exit code 1 when there are any.
"""
import argparse
import itertools
import json
import random
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import pandas as pd

import float_texts
import mutations
from compare import value_difference
from reference import LONE_SURROGATE
from sidecar import exception, lines_of

warnings.simplefilter("ignore")

BATCH = 500                        # records or numbers that one run of the program converts
ROUNDS = 60                        # attempts to make a record shorter
MOST = 20                          # differences after which there is no point in going on

# Where a value stands in a line. NaN beside it takes the line to the second parser.
COLUMN, BESIDE_NAN, IN_LIST, LINE = b'{"v":%b}', b'{"v":%b,"w":NaN}', b'{"v":[%b]}', b"%b"


class Program:
    """The program under test."""

    def __init__(self, path):
        self.path = path

    def convert(self, folder, sources):
        """Converts sources, given as pairs of name and bytes, into the folder that is returned."""
        inputs, outputs = Path(folder, "in"), Path(folder, "out")
        inputs.mkdir()
        for name, content in sources:
            (inputs / f"{name}.json").write_bytes(content)
        done = subprocess.run([self.path, "convert", inputs, "--outdir", outputs], capture_output=True, text=True)
        if done.returncode not in (0, 1):
            raise SystemExit(f"convert ended with {done.returncode}: {done.stderr[-2000:]}")
        return outputs

    def taken(self, records):
        """Which records, each a source by itself, have an output."""
        with tempfile.TemporaryDirectory() as folder:
            outputs = self.convert(folder, enumerate(records))
            return [(outputs / f"{number}.h5").exists() for number in range(len(records))]

    def first_column(self, content):
        """The values in the first column of what a source becomes, or None when it is refused."""
        with tempfile.TemporaryDirectory() as folder:
            output = self.convert(folder, [("source", content)]) / "source.h5"
            return pd.read_hdf(output, "/data").iloc[:, 0].tolist() if output.exists() else None


def awkward(value):
    """Whether a lone surrogate stands where taking the record depends on the rest of its column."""
    texts = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else [value]
    return any(isinstance(text, str) and LONE_SURROGATE.search(text) for text in texts)


def to_be_taken(record):
    """Whether a source of this record must be taken: True, False, or None when either is right."""
    rule = exception(record)
    if rule and len(rule["accept"]) > 1:
        return None
    try:
        values = [json.loads(line) for line in (rule["like"] if rule else lines_of(record.decode("utf-8")))]
    except (ValueError, RecursionError):
        return False
    return None if any(map(awkward, values)) else True


def misjudged(program, records):
    """The records that are wrongly taken or refused, with what is wrong."""
    pairs = zip(records, map(to_be_taken, records), program.taken(records))
    return {
        record: "must be taken" if wanted else "must be refused"
        for record, wanted, taken in pairs if wanted is not None and wanted != taken
    }


def is_value(text):
    """Whether a text is JSON to Python, and one line."""
    try:
        json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError):
        return False
    return not {10, 13} & set(text)


def python_value(line):
    value = json.loads(line)
    return next(iter(value.values())) if isinstance(value, dict) else value


def misread(program, texts, place):
    """The texts, each a JSON value, that our parser does not read as Python does, with what is wrong."""
    lines = [place % text for text in texts]
    ours = program.first_column(b"\n".join(lines)) if texts else []
    if ours is None and len(texts) == 1:
        return {texts[0]: "must be taken"}
    if ours is None:
        half = len(texts) // 2
        return misread(program, texts[:half], place) | misread(program, texts[half:], place)
    compared = ((text, value_difference(python_value(line), value)) for text, line, value in zip(texts, lines, ours))
    return {text: different for text, different in compared if different}


def shorter(record):
    """The record without a piece: every small one of a short record, larger ones of a long record."""
    sizes = {max(1, len(record) >> halvings) for halvings in range(1, 7)}
    if len(record) <= 120:
        sizes |= set(range(1, 13))
    for size in sizes:
        step = 1 if size <= 12 and len(record) <= 120 else size
        yield from (record[:at] + record[at + size:] for at in range(0, len(record) - size + 1, step))


def shortest(record, wrong_among):
    """The record as short as it can be while still coming out wrong, and what is wrong with it."""
    wrong = wrong_among([record])
    for _ in range(ROUNDS):
        still = wrong_among(list(dict.fromkeys(shorter(record))))
        if not still:
            break
        record, wrong = min(still, key=len), still
    return record, wrong.get(record)


class Findings:
    def __init__(self):
        self.count = 0

    def add(self, what, found, wrong_among):
        for record in found:
            self.count += 1
            small, why = shortest(record, wrong_among)
            print(json.dumps({"what": what, "input": ascii(small), "why": why, "from": ascii(record)[:300]}), flush=True)
            if self.count >= MOST:
                raise SystemExit(f"{self.count} differences; more are not looked for")


def check_records(program, records, findings):
    findings.add("record", misjudged(program, records), lambda found: misjudged(program, found))

    def wrong_values(found):
        return misread(program, list(filter(is_value, found)), IN_LIST)
    findings.add("value", wrong_values(records), wrong_values)


def check_numbers(program, texts, findings):
    for place in (COLUMN, BESIDE_NAN, IN_LIST, LINE):
        def wrong_numbers(found):
            return misread(program, [t for t in found if is_value(t) and isinstance(json.loads(t), float)], place)
        findings.add(f"number {place.decode()}", wrong_numbers(texts), wrong_numbers)


def batches(items, size):
    items = iter(items)
    while batch := list(itertools.islice(items, size)):
        yield batch


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=Path)
    parser.add_argument("--seed", required=True)
    parser.add_argument("--n", type=int, required=True)
    parser.add_argument("--length", type=int, default=0)
    arguments = parser.parse_args()
    program, findings, counts = Program(arguments.program), Findings(), {True: 0, False: 0, None: 0}
    rngs = [random.Random(f"{arguments.seed}/{number}") for number in range(arguments.n)]
    records = (mutations.record(rng) for rng in rngs)
    for batch in batches(itertools.chain(mutations.sequences(arguments.length), records), BATCH):
        check_records(program, batch, findings)
        for record in batch:
            counts[to_be_taken(record)] += 1
    for batch in batches((float_texts.text(rng).encode() for rng in rngs), 20 * BATCH):
        check_numbers(program, batch, findings)
    print(json.dumps({
        "taken": counts[True], "refused": counts[False], "either": counts[None], "numbers": arguments.n,
        "different": findings.count,
    }))
    return 1 if findings.count else 0


if __name__ == "__main__":
    sys.exit(main())
