"""Cases of the record options: what a source holds, and the options it is converted with. options.py makes the
expectation of each.
"""
import functools
import json
import random
from typing import NamedTuple

from random_values import Values

MISSING = None                     # the record lacks the key

# Values that fit each hint, as JSON; `gaps` is how values may be absent under it.
FITTING = {
    "int64": ["0", "-1", "9223372036854775807", "-9223372036854775808", "1.0", "-0.0", "1e3", '"5"', '"-7"', '"+7"'],
    "uint64": ["0", "18446744073709551615", '"18446744073709551615"', "1.0", "1e19", "9223372036854775808.0", "-0.0"],
    "float64": ["1", "2.5", "Infinity", "-Infinity", '"1.5"', '"nan"', '"inf"', '"-1e400"', '"1e5"', "9007199254740993",
                "18446744073709551615", "123456789012345678901234567890", '"9007199254740993"', "-0.0"],
    "bool": ["true", "false", "1", "0", '"true"', '"false"', '"True"', '"False"', '"1"', '"0"'],
    "string": ['"x"', '"é"', '""', "1", "-0", "1.0", "1e5", "1e16", "1e-5", "true", "false", "Infinity", "-0.0",
               "18446744073709551615", "123456789012345678901234567890"],
    "nullable-int": ["1", "-1", "9007199254740993", "9223372036854775807", "-9223372036854775808", "2.0", '"3"', "1e3"],
    "datetime": ['"2020-02-29T03:04:05"', '"2020-02-29 03:04:05.5"', '"2020-02-29"', '"2020-02-29T03:04"',
                 '"1960-01-01T00:00:00.000000001"', '"1969-12-31T23:59:59.999999999"', '"2020-01-01T00:00:00.123456"',
                 '"1677-09-21T00:12:43.145224193"', '"2262-04-11T23:47:16.854775807"', '"1970-01-01"'],
    "datetime:s": ["0", "1330419600", "-1", "9223372036", "-9223372036", '"1330419600"', "1330419600.5", '"-1.5"',
                   "5000000001.0", "0.1", "1330419600.123"],
    "datetime:ms": ["0", "1330419600123", "-1", "9223372036854", '"1330419600123"', "1330419600123.0", "1330419600123.25"],
    "datetime:us": ["0", "1330419600123456", "-1", "9223372036854775", '"-1"', "1330419600123457.0", "-2.5"],
    "datetime:ns": ["0", "1330419600123456789", "-1", "9223372036854775807", "-9223372036854775807", '"7"', "12345.0"],
    "datetime:%d.%m.%Y %H:%M": ['"02.01.1970 00:01"', '"31.12.1969 23:59"', '"29.02.2020 12:00"'],
    "datetime:%Y%m%d": ['"19700102"', '"20200229"'],
    "datetime:%Y-%m-%d %H:%M:%S.%f": ['"2020-02-29 01:02:03.5"', '"1969-12-31 23:59:59.000001"'],
    "datetime:%b %d, %Y %I:%M %p": ['"Feb 29, 2020 01:02 PM"', '"Jan 01, 1970 12:00 AM"'],
}
# Points in time with a zone are columns of their own.
ZONED = {
    "datetime": ['"2020-02-29T03:04:05Z"', '"2020-02-29 03:04:05.5+02:00"', '"1969-12-31T23:59:59.999999999-03:30"',
                 '"2020-02-29T03:04:05+0545"', '"2020-02-29T03:04:05+00:00"', '"1677-09-21T01:12:43.145224193+01:00"'],
    "datetime:%Y-%m-%d %H:%M %z": ['"1970-01-01 02:00 +0200"', '"2020-02-29 23:59 -0330"', '"1970-01-01 02:00 +02:00"',
                                    '"2020-02-29 23:59 Z"'],
}
WITH_GAPS = ("float64", "string", "nullable-int", "datetime")

# Values that do not fit, each a file of its own with a good line before it, which is the first of the values above.
MISFITS = {
    "int64": ["1.5", "null", MISSING, "NaN", "true", "9223372036854775808", "1e19", '"1.0"', '"x"', '" 5"', '""', "[1]",
              "-1e400", '"5_0"'],
    "uint64": ["-1", "18446744073709551616", "null", '"-1"', "1.5", "2e19", "{}"],
    "float64": ["true", '"x"', '""', '"1,5"', "[]", '"1_0"', "1" + "0" * 400],
    "bool": ["2", '"yes"', "null", MISSING, "1.5", '""'],
    "string": ["[1]", '{"a":1}'],
    "nullable-int": ["1.5", "true", '"x"', "9223372036854775808", "1" + "0" * 30],
    "datetime": ["1", '"x"', '""', '"2300-01-01"', '"1677-09-21T00:12:43.145224192"', '"2020-02-30"', "true",
                 '"2020-02-29T00:00Z"', '"2020-02-29T24:00"', '"2016-12-31T23:59:60"', '"2020-02-29x"'],
    "datetime:s": ["9223372037", '"x"', '""', "NaN1", "Infinity", "true"],
    "datetime:ns": ["9223372036854775808", "-9223372036854775808", '"2020-02-29"'],
    "datetime:%Y%m%d": ['"2020-02-29"', '"20200230"', "20200229", '"20200229 "'],
}


class Case(NamedTuple):
    """A source, how nested values are taken, and the hints."""
    name: str
    content: bytes
    nested: str = "object"
    types: dict = {}
    refused: str = ""              # what the message says, if the source is to be refused


def lines(records):
    return "".join(record + "\n" for record in records).encode("utf-8", "surrogatepass")


def column(values):
    """One row a value in column `v`, beside a column that is always there."""
    return lines('{"id":%d%s}' % (i, "" if v is MISSING else ',"v":' + v) for i, v in enumerate(values))


def table(columns, rows):
    """`rows` records of several columns, whose values come again and again, each column's a step further on."""
    for row in range(rows):
        pairs = ((key, values[row % len(values)]) for key, values in columns.items())
        yield "{" + ",".join(f'"{key}":{value}' for key, value in pairs if value is not MISSING) + "}"


def hint_cases():
    """All hints side by side, their values alone and with gaps; and each one's misfits."""
    columns, types = {}, {}
    for zone, values_of in (("", FITTING), ("z", ZONED)):
        for number, (hint, values) in enumerate(values_of.items()):
            columns[f"c{zone}{number}"], types[f"c{zone}{number}"] = values, hint
            if hint.startswith(WITH_GAPS):
                columns[f"g{zone}{number}"] = values + ["null", MISSING, "NaN"]
                types[f"g{zone}{number}"] = hint
    # What is beside it, without a hint, is as ever; an all-null column depends on the object columns that are left.
    columns["plain"], columns["empty"], columns["text"] = ["1", "null"], ["null"], ['"x"', MISSING, "null"]
    yield Case("hints-together", lines(table(columns, 60)), types=types)
    for hint, values in FITTING.items():
        name = hint.replace(":", "-").replace("%", "").replace("/", "-")
        if hint.startswith(WITH_GAPS):
            yield Case(f"hint-{name}-absent", column(["null", MISSING, "null"]), types={"v": hint})
        for number, misfit in enumerate(MISFITS.get(hint, [])):
            if misfit != "NaN1":
                records = column([values[0], values[0], misfit])
                place = records.rindex(b"{") if misfit is MISSING else records.rindex(b'"v":') + len('"v":')
                refused = f"line 3, byte {place}: column `v`: "
                yield Case(f"misfit-{name}-{number:02}", records, types={"v": hint}, refused=refused)
    glob = {"*_at": "datetime", "n[12]": "nullable-int", "{x,y}": "string", "*": "float64"}
    yield Case("hint-globs", lines(table({"made_at": ['"2020-02-29"'], "n1": ["1", "null"], "n2": ["7"], "n3": ["1"],
                                          "x": ["1"], "y": ["true"], "[z]": ["null"]}, 4)), types=glob)
    yield Case("hint-first-that-fits", column(["1", "2"]), types={"v": "string", "*": "float64"})
    yield Case("hint-lists", lines(["[1,null,\"5\"]", "[2,3]", "[2.0]"]),
               types={"0": "int64", "1": "nullable-int", "2": "float64"})
    yield Case("hint-scalars", lines(["1", '"2"', "3.0"]), types={"0": "int64"})
    yield Case("hint-of-no-column", column(["1"]), types={"nowhere": "int64"})
    yield Case("hint-on-json", column(["[1, 2]", '{"b":1,"a":2}', "1", "null"]), nested="json", types={"v": "string"})
    yield Case("hint-on-flat", lines(['{"a":{"t":"2020-02-29","n":1}}', '{"a":{"t":null}}']), nested="flatten",
               types={"a.t": "datetime", "a.n": "nullable-int"})


def far_apart():
    """Over several batches of a mebibyte: gaps that last longer than a batch, dtypes that are decided late."""
    filler = '"pad":"%s"' % ("x" * 200)
    rows = []
    for row in range(18_000):
        early, late = row < 6000, row >= 12_000
        pairs = [filler]
        if not early:
            pairs += ['"i":%s' % ("null" if row % 7 else row), '"s":%d' % row, '"f":"%d.5"' % row]
        if late:
            pairs += ['"t":"2020-02-29T00:00:%02d+01:00"' % (row % 60), '"d":%d' % row, '"j":[%d]' % row]
        rows.append("{" + ",".join(pairs) + "}")
    types = {"i": "nullable-int", "s": "string", "f": "float64", "t": "datetime", "d": "datetime:ms"}
    yield Case("hints-over-batches", lines(rows), types=types)
    yield Case("json-over-batches", lines(rows), nested="json", types=types)


NESTED = [
    "[]", "{}", "[ ]", "[1, 2.0, null, true, NaN, -Infinity]", '{"b" : 1, "a" : [ null ] }', '[[[]],{"x":{"y":[{}]}}]',
    '{"\\u00e9":"\\u0001\\n\\"\\\\/\x7f\u2028","z":1e16,"y":-0.0,"x":123456789012345678901234567890}', '{"a":1,"b":2,"a":3}',
    '{"\U0001F600":1,"\uffff":2,"\ue000":3,"A":4,"a":5,"":6}', '["\\ud83d\\ude00"]', "[0.1,1E5,1e-7,5e-324,1e22]",
]

# For flatten: a record a line.
RECORDS = {
    "deep": ['{"a":{"b":{"c":{"d":1}}},"e":2}', '{"a":{"b":{"c":{"d":3,"x":null}}}}'],
    "empty": ['{"a":{}}', '{"a":{"b":{}},"c":1}', '{"a":{"b":2}}'],
    "only-empty": ['{"a":{}}', '{"a":{"b":{}}}'],
    "lists-stay": ['{"a":{"b":[1,{"c":2}]}}', '{"a":{"b":[]}}'],
    "object-or-value": ['{"a":{"b":1}}', '{"a":2}', '{"a":null}', '{"a":{"b":3}}'],
    "dots-in-keys": ['{"a.b":{"c":1}}', '{"a.b":{"c":2},"d.":{"e":1}}'],
    "flat": ['{"a":1,"b":"x"}', '{"b":"y"}'],
    "same-key-twice": ['{"a":{"b":1,"c":1},"a":{"b":2}}', '{"a":1,"a":{"b":3}}', '{"a":{"b":4},"a":5}',
                       '{"a":{"b":{"x":1},"b":{"y":2}}}', '{"a":{"b":{"x":1},"b":7},"a":{"b":{"x":8,"z":9}},"k":1}',
                       '{"a":{"b":1},"a":{}}', '{"a":{"b":1},"q":{"b":1},"a":[1]}'],
    "flat-key-twice": ['{"a":1,"b":2,"c":3,"b":4,"a":"\\u0061"}', '{"d":1,"c":2,"d":3,"e":4,"f":5,"e":6}'],
    "dtypes": ['{"a":{"i":1,"f":1.5,"t":"x","b":true,"n":null}}', '{"a":{"i":2,"f":2,"t":null,"b":false,"n":null}}'],
}


def nested_cases():
    for nested in ("json", "object"):
        yield Case(f"{nested}-values", column(NESTED + ["1", '"x"', "null", MISSING]), nested=nested)
        yield Case(f"{nested}-only", column(NESTED), nested=nested)
    yield Case("json-lists", lines(["[1,[2]]", '[{"b":1,"a":2}]', "[[]]"]), nested="json")
    yield Case("json-depth", column(["[" * 400 + "]" * 400, '{"k":' * 300 + "1" + "}" * 300]), nested="json")
    yield Case("json-surrogates", column(['["\\ud800"]', '{"\\udfff":"\\ud83dx"}', '{"\\ud800":1,"\ue000":2,"\\ud7ff":3}']),
               nested="json")
    for name, records in RECORDS.items():
        yield Case(f"flatten-{name}", lines(records), nested="flatten")
    yield Case("flatten-depth", lines(['{"k":' * 300 + "1" + "}" * 300]), nested="flatten")
    yield Case("flatten-lists", lines(['[1,{"a":2}]', "[3]"]), nested="flatten")
    yield Case("flatten-clash", lines(['{"a":{"b":1}}', '{"a.b":2}']), nested="flatten",
               refused="line 2, byte 15: two different members are flattened to the column `a.b`")
    yield Case("flatten-clash-in-one", lines(['{"x":1}', '{"a":{"b.c":1},"a.b":{"c":2}}']), nested="flatten",
               refused="line 2, byte 30: two different members are flattened to the column `a.b.c`")
    yield Case("flatten-surrogate", lines(['{"a":{"\\ud800":1}}']), nested="flatten", refused="half of a surrogate pair")


def random_cases(seed, count):
    for number in range(count):
        rng = random.Random(f"options/{seed}/{number}")
        for nested in ("json", "flatten"):
            yield Case(f"random-{seed}-{number}-{nested}", random_records(rng, nested), nested)


def random_records(rng, nested):
    """Nested records, whose keys now and then occur twice; those of flattened ones never begin with a dot, which
    json_normalize would strip."""
    v = Values(rng)
    keys = ["a", "b", "c", "é", "sl/ash", "0", "q\"", "k" * 40] if nested == "flatten" else ["a", "b", "é", "", "dot.ted"]

    def value(depth):
        if rng.random() < (0.5, 0.4, 0.3, 0)[depth]:
            return member(depth + 1)
        if rng.random() < 0.2:
            return v.nested(3)
        return rng.choice([v.small, v.decimal, v.text, v.boolean, v.null, v.integer])()

    def member(depth):
        return v.object((rng.choice(keys), value(depth)) for _ in range(rng.randrange(5)))

    return lines(member(0) for _ in range(rng.choice([1, 3, 10, 40])))


def cases(seed, count):
    """Every case, the names unique."""
    yield from hint_cases()
    yield from far_apart()
    yield from nested_cases()
    yield from random_cases(seed, count)


@functools.lru_cache(maxsize=1)
def records_of(content):
    """The records of a source, as Python reads them."""
    return [json.loads(line) for line in content.decode("utf-8", "surrogatepass").split("\n") if line]
