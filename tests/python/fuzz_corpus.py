"""The hand-picked part of the fuzzing corpus, made of the cases: an even sample of them, and all kinds of numbers
and nested values.

    python fuzz_corpus.py DIR

Writes DIR/TARGET/NAME for each target in src/convert/fuzzing/, whose settings are the first bytes of an input. What
fuzzing found is added by hand, under names of its own, and stays; run this again after a change of the cases.
"""
import argparse
import random
from pathlib import Path

import cases_documents
import cases_dtypes
import cases_lines
import cases_rows
import cases_values
import float_texts
import json_suite
import shapes

LONGEST = 600                      # bytes of a case; longer ones are cut off
TOGETHER = 24                      # short texts in one input

NESTED = [
    '{"a":[]}', '{"a":{}}', '{"a":[[],{},[{}]]}', '{"a":{"":0,"b":{"c":[1]}}}', '{"a":{"k":1,"k":2,"l":3,"k":[4]}}',
    '{"a":[0,255,256,65535,65536,-1,2147483647,2147483648,-2147483648,-2147483649]}',
    '{"a":[9223372036854775807,9223372036854775808,18446744073709551615,18446744073709551616,-9223372036854775808]}',
    '{"a":[-9223372036854775809,%s]}' % ("9" * 400), '{"a":[0.1,-0.0,1e400,5e-324,1E2,-0,NaN,Infinity,-Infinity]}',
    '{"a":[null,true,false]}', '{"a":["","é","😀","\\ud83d\\ude00","\\n\\"\\\\\\/\\b\\f\\r\\t\\u0000"]}',
    '{"a":["\\ud83d","\\ude00\\ud83d","x\\udfff"]}', '{"a":{"\\ud83d":1}}', '["a",["b"],{"c":"d"}]', '[[1,[2,[3]]]]',
    '{"a":["%s","%s"]}' % ("x" * 255, "x" * 256), '{"a":["%s"]}' % ("é" * 128), '{"a":%s1%s}' % ("[" * 200, "]" * 200),
    '{"a" : [ 1 , { "b" :\t[ ] } ] }', '"text"', '"\\ud800"', '123456789012345678901234',
    '{"a":[1,]}', '{"a":[1', '{"a":{"b"}}', '{"a":["\\x"]}',
]
# Not for the pickles, which the reference reads: it pickles no list as deep as we do, and knows no document.
DEEP = ['{"a":%s1%s}' % ("[" * depth, "]" * depth) for depth in (511, 512)] + ['{"a":{"b":1}}{"a":1}']
NUMBERS = [
    "0", "-0", "-", "1", "-1", "01", "-01", "1.", ".5", "1.5", "-0.0", "0.1", "1e5", "1E+5", "1e-5", "1e", "1e+", "1.e5",
    "9007199254740992.0", "9007199254740993.0", "9007199254740993", "123456789012345678.9", "1234567890123456789.5",
    "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "18446744073709551615",
    "18446744073709551616", "-18446744073709551615", "1e22", "1e23", "8.5e-324", "2.4703282292062327e-324",
    "2.2250738585072011e-308", "1.7976931348623158e308", "1.7976931348623159e308", "1e400", "-1e-400", "1" * 60, "0." + "3" * 60,
    "9" * 4300, "9" * 4301, "1e99999999999999999999", "0e5", "00", "1-2", "1+1", "1.2.3",
]


def raw(content):
    return (content if isinstance(content, bytes) else content.encode("utf-8"))[:LONGEST]


def spread(cases, count):
    """So many of the cases, evenly."""
    cases = list(cases)
    return cases[::max(1, -(-len(cases) // count))]


def chunks(texts):
    texts = list(texts)
    return [texts[at:at + TOGETHER] for at in range(0, len(texts), TOGETHER)]


def suite(verdict, form):
    """The texts of the JSON suite with this verdict, as lines."""
    texts = [text for name, text in json_suite.texts() if f"-{verdict}-" in name and b"\n" not in text and len(text) < 200]
    return [b"".join(form % text + b"\n" for text in chunk) for chunk in chunks(texts)]


def splitter():
    for number, (name, content) in enumerate(spread(cases_documents.cases(), 36)):
        yield name, bytes([(0, 2, 0x12)[number % 3]]) + raw(content)
    for number, (name, content) in enumerate(spread(cases_lines.cases(), 24)):
        yield name, bytes([(0, 1, 0)[number % 3]]) + raw(content)


def parser():
    """Skipping bad records, so that one input holds many."""
    for number, text in enumerate(suite("yes", b'{"v":%b}')):
        yield f"accepted-{number}", b"\x40\0" + text
    for number, text in enumerate(suite("no", b'{"v":%b}')):
        yield f"refused-{number}", b"\xc0\0" + text
    for number, text in enumerate(suite("yes", b"[1,%b]")):
        yield f"accepted-in-list-{number}", b"\x40\0" + text
    for name, content in spread(cases_rows.cases(), 10):
        yield name, b"\0\0" + raw(content)
    for number, text in enumerate(NESTED):
        settings = [(0, 0x22, 0x32, 0x01)[number % 4], 3 if number % 8 > 3 else 5]
        yield f"nested-{number:02}", bytes(settings) + text.encode()
    for number, text in enumerate(DEEP):
        yield f"deep-{number}", b"\0\0" + text.encode()


def numbers():
    yield from ((f"number-{number:02}", text.encode()) for number, text in enumerate(NUMBERS))
    rng = random.Random(1)
    yield from ((f"hard-{number}", float_texts.text(rng).encode()) for number in range(6))


def pickles():
    yield from ((f"nested-{number:02}", text.encode() + b"\n") for number, text in enumerate(NESTED))
    for name, content in spread(cases_values.cases(), 8):
        yield name, raw(content)
    for name, content in spread(shapes.cases(), 12):
        whole = raw(content).rpartition(b"\n")[0]
        if whole:
            yield name, whole + b"\n"


def file():
    tables = (cases_documents, cases_lines, cases_rows, cases_dtypes, cases_values)
    cases = [case for table in tables for case in spread(table.cases(), 8)]
    for number, (name, content) in enumerate(cases):
        settings = [(0, 4, 12, 0x14, 0x24, 2)[number % 6], (0, 0, 1, 0x50, 4, 0x30, 6)[number % 7], (0, 0, 0, 0x10, 1, 8, 4)[number % 7]]
        yield name, bytes(settings) + raw(content)
    for number, (hint, values) in enumerate([
        (6, '"2024-02-29T12:00:00Z" "2024-02-29" "1677-09-21T00:12:43.145224193Z" "x" null'),
        (7, '0 -1 1.5 9223372037 "1" null'), (8, '1700000000000 "1.25" true'), (9, '9007199254740993 1'), (10, "-9223372036854775807 1"),
        (11, '"2024-02-29" "2023-02-29" 20240229'), (1, '1 1.0 "1" "1.5" 1e300 true'), (2, "0 18446744073709551615 -1"),
        (3, '1 "NaN" null "1e5" 9007199254740993'), (4, 'true 1 0 "false" 2'), (5, '1 1.5 "x" null [1] {"b":2}'), (12, "1 null 9007199254740993 1.5"),
    ]):
        yield f"hint-{number:02}", bytes([4, hint, 0]) + "".join('{"a":%s}\n' % value for value in values.split()).encode()


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder", type=Path)
    folder = arguments.parse_args().folder
    for target in (splitter, parser, numbers, pickles, file):
        place = folder / target.__name__
        place.mkdir(parents=True, exist_ok=True)
        for name, content in target():
            (place / name).write_bytes(content)


if __name__ == "__main__":
    main()
