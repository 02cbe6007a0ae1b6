"""dtypes: every mix of values, with null, missing keys and the NaN literal in every place, alone and beside others.

A column depends on its own values only, but for an all-null one. So mixes that count in the thousands go into a few
files of many columns, and the rows of the table, one column a file, show that the packing hides nothing.
"""
import itertools

MISSING = None                     # in `column`: the row lacks the key

# The dtype table: what a column holds, leaving null and missing aside …
KINDS = {
    "nothing": [],
    "bool": ["true", "false"],
    "int": ["1", "-2", "9007199254740993"],
    "int-edges": ["9223372036854775807", "-9223372036854775808"],
    "uint": ["9223372036854775808", "18446744073709551615", "1"],
    "uint-negative": ["9223372036854775808", "-1"],
    "int-above-64-bits": ["18446744073709551616", "1"],
    "int-below-64-bits": ["-9223372036854775809", "1"],
    "float": ["1.5", "-0.0", "1e300"],
    "infinity": ["Infinity", "-Infinity"],
    "int-float": ["1", "2.5"],
    "uint-float": ["18446744073709551615", "2.5"],
    "uint-negative-float": ["9223372036854775808", "-1", "0.5"],
    "int-above-64-bits-float": ["18446744073709551616", "0.5"],
    "text": ['"a"', '""', '"nan"', '"None"'],
    "bool-int": ["true", "1", "0"],
    "bool-float": ["true", "1.0"],
    "bool-text": ["true", '"true"'],
    "text-int": ['"1"', "1"],
    "text-float": ['"1.0"', "1.0"],
    "list": ["[]", "[1, 2.0, null, true]"],
    "object": ["{}", '{"b": 1, "a": [null, NaN]}'],
    "list-int": ["[1]", "1"],
    "list-text": ['["a"]', '"a"'],
}
# … and how values are absent, as (before, after) the values. The mixes below have every order.
GAPS = {
    "": ([], []), "-null": ([], ["null"]), "-null-first": (["null"], []), "-missing-first": ([MISSING], []),
    "-null-missing-NaN": (["null"], [MISSING, "NaN"]),
}

# One value of each class the rules tell apart. Sequences of them are every mix in every order.
CLASSES = {
    "null": "null", "missing": MISSING, "NaN": "NaN", "true": "true", "int": "9007199254740993", "negative": "-1",
    "uint": "9223372036854775808", "huge": "18446744073709551616", "below": "-9223372036854775809", "float": "0.5",
    "text": '"x"', "list": "[1]", "object": '{"k":null}',
}

# Columns beside an all-null one, on which it depends whether that one reads back as text.
NEIGHBOURS = {
    "int": ["1", "2"], "float": ["1", "0.5"], "bool": ["true", "false"], "uint": ["18446744073709551615", "1"],
    "text": ['"x"', '"y"'], "text-null": ['"x"', "null"], "list": ["[1]", "[2]"], "object": ["{}", "{}"],
    "mixed": ['"x"', "1"], "bool-null": ["true", "null"], "bool-missing": ["true", MISSING],
    "null-bool": ["null", "true"],
    "big-int": ["18446744073709551616", "1"], "uint-negative": ["9223372036854775808", "-1"],
    "all-null": ["null", "null"],
    "null-missing": ["null", MISSING], "all-NaN": ["NaN", "NaN"], "bool-text": ["true", '"x"'],
    "empty-text": ['""', '""'],
    "list-null": ["[]", "null"], "null-big-int": ["null", "18446744073709551616"],
}


def members(pairs):
    return "{%s}\n" % ",".join(f'"{key}":{value}' for key, value in pairs if value is not MISSING)


def column(values):
    """One row a value, in column `v`, beside a full column `id`."""
    return "".join(members([("id", i), ("v", value)]) for i, value in enumerate(values))


def columns(sequences):
    """One column a sequence, all of one length, named by their numbers."""
    return "".join(members(enumerate(values)) for values in zip(*sequences))


def mixes(length):
    """Every sequence of so many classes, as (first class, sequences that begin with it)."""
    for name, first in CLASSES.items():
        yield name, [(first, *rest) for rest in itertools.product(CLASSES.values(), repeat=length - 1)]


def duplicates():
    """Every two classes as the values of one key in one record: side by side, and with all other keys between."""
    values = [value for value in CLASSES.values() if value is not MISSING]
    pairs = list(itertools.product(values, repeat=2))
    beside = [(number, value) for number, pair in enumerate(pairs) for value in pair]
    apart = [(number, pair[place]) for place in (0, 1) for number, pair in enumerate(pairs)]
    for name, doubled in (("beside", beside), ("apart", apart)):
        for after, row in (("", []), ("-then-int", [(number, 1) for number in range(len(pairs))])):
            yield f"duplicates-classes-{name}{after}", members(doubled) + members(row)
    yield "duplicates-classes-nested", '{"v":%s}\n' % members(apart).strip()


def lists():
    """The classes in list lines, where a short line is padded with None: shrinking, growing, turning."""
    values = [value for value in CLASSES.values() if value is not MISSING]
    size = len(values)
    shrinking = [values[:size - row] for row in range(size)]
    turning = [[values[(row + place) % size] for place in range(size - row)] for row in range(size)]
    for name, rows in (("shrinking", shrinking), ("turning", turning)):
        text = ["[%s]\n" % ",".join(row) for row in rows]
        yield f"lists-classes-{name}", "".join(text)
        yield f"lists-classes-{name}-reversed", "".join(reversed(text))
    triples = list(itertools.product(values, repeat=3))
    yield "lists-classes-mixed", "".join("[%s]\n" % ",".join(row) for row in zip(*triples))


def cases():
    for kind, values in KINDS.items():
        for gap, (before, after) in GAPS.items():
            if before or values or after:
                yield f"column-{kind}{gap}", column(before + values + after)
    for name, (first, second) in NEIGHBOURS.items():
        yield f"readback-all-null-before-{name}", columns([("null", "null"), (first, second)])
        yield f"readback-all-null-after-{name}", columns([(first, second), ("null", "null")])
        yield f"readback-text-null-beside-{name}", columns([('"x"', "null"), (first, second)])
    yield "readback-all-null-alone", '{"n":null}\n{"n":null}\n'
    yield "readback-null-and-missing-alone", '{"n":null}\n{}\n'
    yield "readback-all-null-of-many", '{"n":null,"m":null,"t":"x"}\n' * 3 + '{"m":null}\n'
    for length in (1, 2, 3):
        for name, sequences in mixes(length):
            yield f"mixes-of-{length}-first-{name}", columns(sequences)
    yield from duplicates()
    yield from lists()


def long_cases():
    """Every mix of four: too many for each run of the tests."""
    for name, sequences in mixes(4):
        for part in range(0, len(sequences), 500):
            yield f"mixes-of-4-first-{name}-{part:04}", columns(sequences[part:part + 500])
