"""JSON lines for Feather and Parquet: every kind of value beside every other, nested ones, and random tables.

`cases(seed, count)` yields names and lists of lines, the same for the same seed.
"""
import itertools
import json
import random

import random_cases
from random_values import Values

ONE_OF_EACH = [
    "null", "true", "false", "NaN", "0", "-1", "9007199254740993", "9223372036854775807", "-9223372036854775808",
    "9223372036854775808", "18446744073709551615", "18446744073709551616", "-9223372036854775809", "0.5", "-0.0", "1e400",
    '"text"', '""', '"\\u0000"', '"\\ud800"', "[]", "[1]", "[null]", "[0.5]", '["a"]', "[[]]", "{}", '{"a":1}', '{"a":null}',
    '{"b":"x"}', '{"a":{}}', '{"a":[]}', '["\\ud800"]', '{"\\ud800":1}', "[18446744073709551616]",
]
NESTED = [
    ['{"a":[1,null,3]}', '{"a":[]}', '{"a":null}', "{}", '{"a":[9007199254740993]}'],
    ['{"a":[1,0.5]}', '{"a":[2]}'],
    ['{"a":[0.5]}', '{"a":[9007199254740993]}'],
    ['{"a":[0.5]}', '{"a":[9007199254740992]}'],
    ['{"a":[-1]}', '{"a":[18446744073709551615]}'],
    ['{"a":[1]}', '{"a":[18446744073709551615]}'],
    ['{"a":[NaN,1]}', '{"a":[null]}'],
    ['{"a":[true]}', '{"a":[1]}'],
    ['{"a":[{"x":1},{"y":"z"},null,{}]}', '{"a":[]}', '{"a":[{"y":null,"x":2}]}'],
    ['{"a":{"b":{"c":{"d":[[[1],[]],null]}}}}', '{"a":{"b":null}}', '{"a":{"e":true}}'],
    ['{"a":{"x":1,"y":[1],"x":2,"y":[2,3]}}', '{"a":{"y":[4],"y":null}}', '{"a":{"x":{}, "x":5}}'],
    ['{"a":{"k":{}}}', '{"a":{"k":{}}}', '{"a":{}}'],
    ['{"a":{"k":{}}}', '{"a":{"k":{"x":1}}}', '{"a":{}}'],
    ['{"a":{"k":1}}', '{"a":[1]}'],
    ['{"a":{"k":"x"}}', '{"a":{"k":["x"]}}'],
    ['{"a":{"":1,"é":2," ":3,"x.y":4}}'],
    ['{"a":' + "[" * 16 + "[]" + "]" * 16 + "}"],
    ['{"a":' + "[" * 16 + "[1]" + "]" * 16 + "}"],
    ['{"a":' + '{"k":' * 15 + "1" + "}" * 15 + "}"],
    ['{"a":' + '{"k":' * 17 + "1" + "}" * 17 + "}"],
    ['{"":1,"a.b":2,"a/b":3,"A":4,"a":5}'],
    ["{}", "{}"],
    ['{"a":null}', "{}"],
    ['{"a":NaN}'],
]


def cases(seed, count):
    for number, (one, other) in enumerate(itertools.combinations_with_replacement(ONE_OF_EACH, 2)):
        yield f"mix-{number}", [f'{{"v":{one}}}', f'{{"v":{other}}}']
    for number, lines in enumerate(NESTED):
        yield f"nested-{number}", lines
    yield "no-rows", []
    for number in range(count):
        rng = random.Random(f"{seed}/{number}")
        if number % 3 == 0:
            text = random_cases.table(rng).decode()
            lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
            yield f"random-{number}", [line for line in lines if line]
        else:
            yield f"typed-{number}", typed(rng)


def typed(rng):
    """A table whose columns have types, most of the time."""
    makers = {f"c{n}": maker(rng, 0) for n in range(rng.randrange(1, 6))}
    rows = rng.choice([1, 2, 3, 10, 40, 150])
    return [
        "{" + ",".join(f'"{name}":{make()}' for name, make in shuffled(rng, makers) if rng.random() < 0.8) + "}"
        for _ in range(rows)
    ]


def shuffled(rng, makers):
    pairs = list(makers.items())
    if rng.random() < 0.3:
        rng.shuffle(pairs)
    return pairs


def maker(rng, depth):
    v = Values(rng)
    plain = [v.small, v.integer, v.edge, v.decimal, v.boolean, v.text, v.word, v.float_spelling, lambda: "null"]
    way = rng.random()
    if depth == 4 or way < 0.5:
        return lambda make=rng.choice(plain): make() if rng.random() < 0.9 else "null"
    if way < 0.75:
        item = maker(rng, depth + 1)
        return lambda: "[" + ",".join(item() for _ in range(rng.choice([0, 1, 2, 5]))) + "]"
    members = {f"k{n}": maker(rng, depth + 1) for n in range(rng.randrange(4))}
    return lambda: "{" + ",".join(f"{json.dumps(k)}:{m()}" for k, m in shuffled(rng, members) if rng.random() < 0.8) + "}"
