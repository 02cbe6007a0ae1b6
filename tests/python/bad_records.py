"""Converts sources with bad lines, `skip`ping these, and compares what comes out with Python's own judgement of each line.

    python bad_records.py --program H5INBOX --folder DIR [--seed S]

The output must be the frame of the good lines alone, to the last dtype; NAME.bad.ndjson must name each bad line with its
number, its bytes and the reason, right to the byte; and the attributes of the output must count both. A source without a
good line is refused. Prints what differs; exit code 1 when anything does.
"""
import argparse
import base64
import json
import random
import re
import subprocess
import sys
from pathlib import Path

import tables

import bad_lines
from options import difference
from options_cases import Case

TYPES = {"i": "int64", "d": "datetime", "f": "float64"}
CONFIG = "inbox.path = '{0}/in'\noutput.path = '{0}/out'\nlimits.record_bytes = {1}\n"

# A line of each kind that can be bad among objects with the columns i, t (text), m (mixed), d and f.
BAD = {
    "malformed": b'{"i":1,"gone":[1,{"x" 2}]}',
    "trailing-comma": b'{"i":1,"gone":2,}',
    "two-records": b'{"i":1} {"i":2}',
    "control-character": b'{"i":1,"t":"a\tb"}',
    "bad-escape": b'{"i":1,"t":"\\x"}',
    "cut-off": b'{"i":1,"gone":{"a":1',
    "cut-off-text": '{"i":1,"t":"é'.encode(),
    "not-utf8": b'{"i":1,"gone":1,"t":"a\xff"}',
    "half-a-character": b'{"i":1,"t":"\xc3"}',
    "raw-surrogate": b'{"i":1,"t":"\xed\xa0\x80"}',
    "key-surrogate": b'{"i":1,"\\ud800k":1,"gone":1}',
    "text-surrogate": b'{"i":1,"gone":"x","t":"a\\udfff"}',
    "deep": b'{"i":1,"gone":' + b"[" * 600 + b"]" * 600 + b"}",
    "deep-flat": b"[" * 100_000 + b"]" * 100_000,
    "long": b'{"i":1,"t":"' + b"x" * bad_lines.RECORD_BYTES + b'"}',
    "very-long": b'{"i":1,"t":"' + b"x" * 5_000_000 + b'"}',
    "digits": b'{"i":1,"m":' + b"7" * 4301 + b"}",
    "misfit": b'{"i":"one","gone":1}',
    "misfit-null": b'{"i":null,"gone":1}',
    "misfit-late": b'{"i":1,"gone":1,"f":"half"}',
    "misfit-time": b'{"i":1,"gone":1,"d":"yesterday"}',
    "other-zone": b'{"i":1,"gone":1,"d":"2020-01-01T00:00:00+01:00"}',
    "without-needed": b'{"gone":1,"m":2}',
    "empty-object": b"{}",
    "list": b"[1,2]", "number": b"1.5", "null": b"null", "text": b'"x"',
}
# Good, although it looks like one of these.
GOOD = [b'{"i":1,"m":"\\ud800"}', b'{"i":2.0,"m":["\\udfff",{"\\ud800":1}]}', b'{"i":"3","m":' + b"7" * 4300 + b"}",
        b'{"i":1,"n":' + b"[" * 400 + b"]" * 400 + b"}", b'{"i":4,"m":4,"d":null,"f":null}']


def good_line(rng, row):
    record = {"i": row, "t": rng.choice(["x", "é", "", None]), "m": rng.choice([1, "one", [row]]), "f": row / 4,
              "d": f"2020-01-01T00:00:{row % 60:02}"}
    for key in rng.sample(list(record), rng.choice([0, 0, 1, 2])):
        if key != "i":
            del record[key]
    if rng.random() < 0.001:
        record[f"rare{row}"] = row
    return json.dumps(record, ensure_ascii=rng.random() < 0.5).encode()


def by_hand(rng):
    """Each kind of bad line first, last, in the middle, and alone."""
    good = [good_line(rng, row) for row in range(4)] + GOOD
    for name, line in BAD.items():
        yield f"first-{name}", b"\n".join([line, *good, b""])
        yield f"last-{name}", b"\n".join([*good, line])
        yield f"middle-{name}", b"\r\n".join([*good, b"", line, line, b" ", *good])
        yield f"only-{name}", b"\n".join([line, line, b""])
    yield "all-kinds", b"\n".join([good[0], *BAD.values(), *good, *BAD.values()])
    yield "all-kinds-bom-cr", b"\xef\xbb\xbf" + b"\r".join([*BAD.values(), *good, b""])
    yield "all-but-one-bad", b"\n".join(BAD.values())
    yield "lists", b'[1,"x"]\n[2]\n{"i":1}\n[3,"\\ud800"]\n[[1],"y",null]\n[4\n'
    yield "scalars", b'1\n"x"\n{"i":1}\n[2]\nnull\n\n2.5\nnul\n'
    yield "kind-by-the-second", b'[1]]\n{"i":1}\n[1]\n{"i":2}\n'
    yield "kind-after-a-misfit", b'{"i":"x"}\n{"i":{}}\n{"i":null}\n[1]\n[2]\n{"i":7}\n'
    yield "only-blank", b"\n \n"


def far_apart():
    """What makes a line bad is known only a batch or more later, or earlier."""
    pad = b',"pad":"' + b"p" * 1000 + b'"}\n'

    def batch(start):
        return (start + pad) * 1200

    some, zoned = b'{"i":1', b'{"i":1,"d":"2020-01-01T00:00Z"'
    yield "late-needed", batch(b'{"m":1') + batch(some)
    yield "late-zone", batch(b'{"i":1,"d":null') + batch(zoned) + batch(b'{"i":1,"d":"2020-01-01"') + batch(zoned)
    yield "zone-of-a-bad-line", b'{"i":"x","d":"2020-01-01"}\n' + batch(zoned)
    yield "late-text", b'{"i":1,"t":"\\ud800"}\n' + batch(some) + b'{"i":1,"t":"x"}\n'
    yield "late-mixture", b'{"i":1,"t":"\\ud800"}\n' + batch(some) + b'{"i":1,"t":2}\n'
    yield "mixture-of-a-bad-line", b'{"i":1,"t":"\\ud800"}\n' + batch(some) + b'{"i":"x","t":2}\n' + some + b',"t":"x"}\n'
    yield "needed-by-a-bad-line", b'{"m":1}\n' * 9 + b'{"i":1,"t":"\\ud800"}\n' + batch(b'{"t":"x"')
    yield "bad-first", batch(b'{"i":"x"') + batch(b'["x"')[:-1] + b"\n" + batch(some)


def at_random(rng, rows, pad, share):
    """A table over many batches, with bad lines of every kind here and there, and damaged ones."""
    kinds = [line for name, line in BAD.items() if name not in ("long", "very-long", "deep-flat")]
    ends = rng.choice([[b"\n"], [b"\r\n"], [b"\n", b"\r\n", b"\r"]])
    out = [b"" if rng.random() < 0.5 else BAD["long"] + b"\n"]
    for row in range(rows):
        line = good_line(rng, row)
        line = line[:-1] + b',"pad":"' + b"p" * rng.randrange(pad) + b'"}'
        if rng.random() < share:
            line = rng.choice(kinds) if rng.random() < 0.5 else damaged(rng, line)
        elif rng.random() < 0.01:
            line = rng.choice(GOOD)
        out += [line, rng.choice(ends)]
        if rng.random() < 0.01:
            out.append(rng.choice([b"\n", b" \r\n", b"\t\n"]))
    return b"".join(out if rng.random() < 0.5 else out[:-1])


def arrays(rng):
    """Documents, in which a record may be bad as long as it is clear where it ends."""
    clear = [line for name, line in BAD.items() if not name.startswith(("two", "cut-off", "deep", "long", "very-long"))]
    good = [good_line(rng, row) for row in range(4)] + GOOD
    for name, records in {
        "first": [*clear, *good], "last": [*good, *clear], "only": clear[:8],
        "batches": [rng.choice(clear) if rng.random() < 0.02 else good_line(rng, row) for row in range(20_000)],
    }.items():
        yield f"array-{name}", b"[\n" + b",\n".join(records) + b"\n]\n"


def long_lines(rng):
    """Lines beyond what the reader holds, with each kind of end, one of them right behind what is read at a time."""
    out = []
    for row, end in enumerate([b"\n", b"\r\n", b"\r", b"\r\n\r\n", b""]):
        start = sum(map(len, out))
        out += [b'{"i":1,"t":"' + "é".encode() * ((5 << 19) - start // 2) + b"x" * rng.randrange(9) + b'"}', end]
        out += [b"y" * ((3 << 20) - sum(map(len, out)) % (1 << 20) - 1), b"\r\n", good_line(rng, row), b"\n"]
    return b"".join(out[:-2])


def damaged(rng, line):
    at = rng.randrange(len(line))
    end = rng.choice([at, at + 1, len(line)])
    return line[:at] + rng.choice([b"", bytes([rng.randrange(1, 256)]), b"\\ud8", b'"', b"}", b","]) + line[end:]


def sources(seed):
    rng = random.Random(f"bad/{seed}")
    yield from by_hand(rng)
    yield "long-lines", long_lines(rng)
    yield from far_apart()
    yield from arrays(rng)
    for number in range(3):
        yield f"batches-{number}", at_random(rng, 6000, 1500, rng.choice([0.002, 0.05, 0.5]))
    yield "parallel", at_random(rng, 12_000, 6000, 0.02)


def check(name, raw, folder, said):
    """None, or what differs."""
    lines = bad_lines.items_of(raw) if name.startswith("array-") else bad_lines.lines_of(raw)
    good, bad = bad_lines.judge(lines, TYPES)
    output, kept = folder / f"{name}.h5", folder / f"{name}.bad.ndjson"
    if bad and not good:
        fine = not output.exists() and not kept.exists() and "no record can be read; the first: " in said
        return None if fine else f"must be refused, said {said!r}"
    case = Case(name, b"\n".join(line.text for line in good) + b"\n", types=TYPES)
    return wrong_frame(case, output, said) or wrong_attributes(output, good, bad) or wrong_lines(raw, kept, bad)


def wrong_frame(case, output, said):
    if case.content == b"\n":
        return None if output.exists() else f"no output: {said}"
    return difference(case, output, said)


def wrong_attributes(output, good, bad):
    with tables.open_file(output) as file:
        counted = file.root._v_attrs.h5inbox_rows, file.root._v_attrs.h5inbox_bad_records
    return None if counted == (len(good), len(bad)) else f"attributes {counted} != {(len(good), len(bad))}"


def wrong_lines(raw, kept, bad):
    entries = [json.loads(line) for line in kept.read_bytes().splitlines()] if kept.exists() else []
    if [entry["line"] for entry in entries] != sorted(bad):
        numbers = {entry["line"] for entry in entries}
        return f"bad lines {sorted(set(bad) - numbers)[:5]} are missing, {sorted(numbers - set(bad))[:5]} are not bad"
    for entry in entries:
        different = wrong_entry(entry, *bad[entry["line"]])
        if different:
            return f"line {entry['line']}: {different}: {str(entry)[:300]}"
    return None


def wrong_entry(entry, line, code, column, place):
    text = base64.b64decode(entry["base64"]) if "base64" in entry else entry["text"].encode()
    start = entry["byte"] - (entry["position"] - 1 if entry["position"] else 0)
    whole = line.text.startswith(text) and len(text) > 10_000 if entry.get("cut") else text == line.text
    if start != line.start or not whole:
        return f"it begins at byte {line.start}"
    # What a defect means at the beginning or the end of a source is told by another word.
    other = {"bad_json": ("not_json_lines", "truncated"), "bad_utf8": ("truncated",)}.get(code, ())
    if entry["code"] not in (code, *other):
        return f"expected {code}"
    if entry["column"] != column:
        return f"expected column {column}"
    if place is not None and entry["position"] != place + 1:
        return f"expected position {place + 1}"
    return None if entry["reason"] else "no reason"


def convert(program, folder, names):
    """Converts all sources and returns what was said of each."""
    hints = [word for column, hint in TYPES.items() for word in ("--type", f"{column}={hint}")]
    options = ["--config", folder / "config.toml", "--on-bad-record", "skip", *hints]
    said = {}
    for shape in ("lines", "auto"):
        sources = [folder / f"{name}.json" for name in names if name.startswith("array-") == (shape == "auto")]
        done = subprocess.run([program, "convert", "--input", shape, *options, *sources], capture_output=True, text=True,
                              errors="replace")
        for what in done.stderr.split("error: ")[1:]:
            said[re.search(r"([^/]+)\.json: ", what)[1]] = what
    return said


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--folder", required=True, type=Path)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    folder, cases = arguments.folder, dict(sources(arguments.seed))
    for sub in ("in", "out"):
        (folder / sub).mkdir(exist_ok=True)
    (folder / "config.toml").write_text(CONFIG.format(folder.resolve(), bad_lines.RECORD_BYTES))
    for name, raw in cases.items():
        (folder / f"{name}.json").write_bytes(raw)
    said = convert(arguments.program, folder, cases)
    different = 0
    for name, raw in cases.items():
        what = check(name, raw, folder, said.get(name, ""))
        if what:
            different += 1
            print(f"{name}: {what}")
    print(f"{len(cases)} sources, {different} differ")
    return 1 if different or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
