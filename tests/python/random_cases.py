"""Random cases: tables of every mix of types, list lines, scalar lines, awkward structure, damaged bytes.

    python random_cases.py --seed S --n N --out DIR

Writes DIR/random-S-NUMBER-KIND.json and sidecars as cases.py does. The same seed and number give the same bytes.
"""
import argparse
import random
from pathlib import Path

from random_values import KEYS, Values
from sidecar import write

DAMAGE = [
    b"NaN", b"nan", b"true", b"//", b"\\u00", b"\\ud800", b",,", b"''", b"\xef\xbb\xbf", b"1_0", b"0x1", b"+1", b"01",
    b"1.", b".1", b"None", b"\xed\xa0\x80", b"\n", b"\r", b"}", b"{", b"]", b"[", b'"', b":", b"\0", b"\xff",
]


def table(rng):
    v = Values(rng)
    kinds = {
        v.small: 5, v.integer: 4, v.edge: 1, v.unsigned: 1, v.huge: 1, v.decimal: 5, v.whole: 2, v.float_bits: 3,
        v.float_spelling: 3, v.special: 1, v.boolean: 4, v.text: 6, v.word: 4, v.nested: 3,
    }
    columns = []
    for key in rng.sample(KEYS, rng.choice([1, 1, 2, 3, 4, 6, 9, 14])):
        makers = rng.choices(list(kinds), list(kinds.values()), k=rng.choices([1, 2, 3, 5], [12, 4, 2, 1])[0])
        null, missing = rng.choice([(0, 0), (0, 0), (.2, 0), (0, .2), (.2, .2), (.9, 0), (0, .9), (1, 0), (.5, .5)])
        columns.append((key, makers, null, missing, rng.random() < 0.15))
    rows, shuffled, records = rng.choice([1, 2, 3, 5, 8, 13, 30, 60, 200]), rng.random() < 0.3, []
    for row in range(rows):
        pairs = []
        for key, makers, null, missing, late in columns:
            if rng.random() >= missing:          # `late`: the other types turn up in the last rows only
                make = makers[0] if late and row < rows * 0.9 else rng.choice(makers)
                pairs.append((key, "null" if rng.random() < null else make()))
                if rng.random() < 0.01:
                    pairs.append((key, make()))
        if shuffled and rng.random() < 0.5:
            rng.shuffle(pairs)
        records.append(v.object(pairs))
    return v.lines(records)


def lists(rng):
    v = Values(rng)
    width, ragged = rng.choice([0, 1, 2, 3, 5]), rng.random() < 0.5
    choices = [[v.small], [v.decimal], [v.text], [v.boolean], [v.leaf], [v.nested], [v.small, v.null]]
    makers = [rng.choice(choices) for _ in range(width + 1)]
    widths = [max(0, width + (rng.randrange(-1, 2) if ragged else 0)) for _ in range(rng.randrange(1, 12))]
    return v.lines("[" + ",".join(rng.choice(makers[i])() for i in range(w)) + "]" for w in widths)


def scalars(rng):
    v = Values(rng)
    makers = rng.choice([
        [v.small], [v.small, v.null], [v.decimal, v.small], [v.unsigned, v.small], [v.huge, v.small], [v.special, v.small],
        [v.text], [v.text, v.null], [v.boolean], [v.boolean, v.null], [v.null], [v.small, v.boolean, v.text],
    ])
    return v.lines(rng.choice(makers)() for _ in range(rng.randrange(1, 12)))


def structure(rng):
    """Good records, awkwardly arranged."""
    text = table(rng).decode()
    rows = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    at = rng.randrange(len(rows) + 1)
    return rng.choice([
        lambda: "\ufeff" + text,
        lambda: "\n".join(rows[:at] + [rng.choice(["", " ", "\t"])] + rows[at:]),
        lambda: "[" + ",\n".join(filter(None, rows)) + "]\n",
        lambda: "[" + ",".join(filter(None, rows)) + "]",
        lambda: " ".join(rows),
        lambda: text + rng.choice(["\n", " ", "\r\n\r\n", "null\n", "[]\n", "1\n", '"x"\n']),
        lambda: rng.choice(["1\n", "null\n", "[]\n", '""\n', "{}\n"]) + text,
    ])().encode()


def damaged(rng):
    """A table with bytes removed, replaced, inserted or cut off."""
    raw = bytearray(table(rng))
    for _ in range(rng.choice([1, 1, 1, 2])):
        at = rng.randrange(len(raw) + 1)
        end = rng.choice([at, at + 1, at + 1, at + 2, len(raw)])
        raw[at:end] = rng.choice([b"", rng.randbytes(1), rng.choice(DAMAGE)])
    return bytes(raw)


KINDS = {table: 70, lists: 6, scalars: 4, structure: 6, damaged: 14}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--n", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for number in range(arguments.n):
        rng = random.Random(f"{arguments.seed}/{number}")
        kind = rng.choices(list(KINDS), list(KINDS.values()))[0]
        write(arguments.out, f"random-{arguments.seed}-{number:05}-{kind.__name__}", kind(rng))
    print(f"{arguments.n} random cases in {arguments.out}")


if __name__ == "__main__":
    main()
