"""Hand-written cases, each named after the rule it guards.

    python cases.py DIR

Writes DIR/NAME.json, byte for byte, and DIR/NAME.expect where we deliberately do otherwise than the reference.
"""
import re
import sys
from pathlib import Path

from sidecar import write

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
}
# … and how values are absent.
GAPS = {"": [], "-null": ["null"], "-missing": [MISSING], "-NaN": ["NaN"], "-null-missing": ["null", MISSING]}

# Columns beside an all-null one, on which it depends whether that one reads back as text.
NEIGHBOURS = {
    "int": ["1", "2"], "text": ['"x"', '"y"'], "list": ["[1]", "[2]"], "mixed": ['"x"', "1"],
    "bool-null": ["true", "null"], "big-int": ["18446744073709551616", "1"], "all-null": ["null", "null"],
}

NUMBERS = [
    "0", "-0", "0.0", "-0.0", "1E5", "1e+5", "1e-5", "1e400", "-1e400", "1e-400", "5e-324", "2.2250738585072011e-308",
    "1e23", "9007199254740993.0", "0.1", "123456789012345678901234567890.5", "1.7976931348623157e308",
    "1.7976931348623159e308", "2.4703282292062327e-324", "0." + "0" * 400 + "1", "9" * 310 + ".0",
    "0.1000000000000000055511151231257827021181583404541015625",
]

TEXTS = [
    '"é"', '"e\u0301"', '"中文 😀"', r'"\ud83d\ude00"', r'"\u0000"', r'"a\u0000b\u0000"', '"\x7f"', r'"\"\\\/\b\f\n\r\t"',
    '"\u2028\u2029\u0085"', r'"\u00e9\u00E9"', '"2020-01-01"', '" "', '"\ufeff"', '"\U0010ffff"', '"null"',
]

# Texts that are no JSON lines: the reference refuses each, naming a line.
MALFORMED = {
    "truncated-last-line": '{"a": 1}\n{"a": 2', "truncated-text": '{"a": "x', "trailing-comma": '{"a": 1,}',
    "single-quotes": "{'a': 1}", "no-colon": '{"a" 1}', "no-value": '{"a": }', "bare-key": "{a: 1}",
    "comment": '{"a": 1} // one', "leading-zero": '{"a": 01}', "plus-sign": '{"a": +1}', "hex": '{"a": 0x10}',
    "no-fraction": '{"a": 1.}', "no-whole": '{"a": .5}', "no-exponent": '{"a": 1e}', "minus-alone": '{"a": -}',
    "minus-NaN": '{"a": -NaN}', "plus-Infinity": '{"a": +Infinity}', "small-nan": '{"a": nan}', "Inf": '{"a": Inf}',
    "None": '{"a": None}', "True": '{"a": True}', "underscore": '{"a": 1_000}', "extra-bracket": '{"a": 1}}',
    "open-list": '{"a": [1, 2}', "raw-tab-in-text": '{"a": "\t"}', "raw-newline-in-text": '{"a": "x\ny"}',
    "raw-NUL": '{"a": "\x00"}', "bad-escape": r'{"a": "\x41"}', "short-escape": r'{"a": "\u12"}',
    "nbsp-around": '\u00a0{"a": 1}', "form-feed-around": '\f{"a": 1}', "ctrl-z": '{"a": 1}\n\x1a',
    "record-separator": '\x1e{"a": 1}\n', "bom-in-the-middle": '{"a": 1}\n\ufeff{"a": 2}\n',
    "second-line": '{"a": 1}\n{"a": tru}\n{"a": 3}\n', "text-word": "hello", "csv": "a,b\n1,2\n",
    "number-key": '{1: 2}', "NUL-byte-alone": "\x00", "digits-4301": '{"a": 1%s}' % ("0" * 4300),
    "nesting-100000": "[" * 100_000 + "]" * 100_000, "nesting-unclosed": '{"a":' * 100_000,
    "line-separator-between": '{"a": 1}\u2028{"a": 2}',
}
BYTES = {
    "utf16": '{"a": 1}'.encode("utf-16"), "latin1": b'{"a": "\xe9"}', "bad-utf8": b'{"a": "\xff"}',
    "overlong-utf8": b'{"a": "\xc0\xaf"}', "surrogate-utf8": b'{"a": "\xed\xa0\x80"}',
    "cut-utf8": b'{"a": "\xe4\xb8"}', "beyond-unicode": b'{"a": "\xf4\x90\x80\x80"}',
    "bad-utf8-in-key": b'{"\xff": 1}', "bad-utf8-last-line": b'{"a": 1}\n\xff\n',
    "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03",
}
# Lone surrogates: kept inside nested and mixed values, refused in text columns and keys.
SURROGATES = {
    "in-text-column": r'{"a": "\ud800"}', "in-key": r'{"\udfff": 1}',
    "in-text-column-later": '{"a": "x"}\n' r'{"a": "y\udc00"}', "in-list": r'{"a": ["\ud800"]}',
    "in-nested-key": r'{"a": {"\ud800": 1}}', "in-mixed-column": '{"a": 1}\n' r'{"a": "\ud800"}',
    "reversed-pair-in-list": r'{"a": ["\ude00\ud83d"]}',
}

FILES = {
    # lines
    "lines-LF": '{"a":1}\n{"a":2}\n', "lines-CRLF": '{"a":1}\r\n{"a":2}\r\n', "lines-CR": '{"a":1}\r{"a":2}\r',
    "lines-mixed-ends": '{"a":1}\n{"a":2}\r{"a":3}\r\n{"a":4}', "lines-no-final-newline": '{"a":1}\n{"a":2}',
    "lines-space-around": ' \t{"a":1} \t\n\t{ "a" :\t2 } \n', "lines-one": "{\"a\":1}", "lines-empty-file": "",
    "lines-only-newline": "\n", "lines-only-white-space": " \t\r\n \n",
    "lines-blank-in-the-middle": '{"a":1}\n\n \t\n{"a":2}\n', "lines-blank-first": '\n{"a":1}\n',
    "lines-blank-last": '{"a":1}\n\n\n', "lines-blank-CRLF": '{"a":1}\r\n\r\n{"a":2}\r\n',
    "lines-CR-CR-LF": '{"a":1}\r\r\n{"a":2}\r\r\n', "lines-bom": '\ufeff{"a":1}\n{"a":2}\n',
    "lines-only-bom": "\ufeff", "lines-bom-blank": '\ufeff\n{"a":1}\n', "lines-bom-twice": '\ufeff\ufeff{"a":1}\n',
    "lines-two-on-a-line": '{"a":1}{"a":2}\n', "lines-pretty-printed": '{\n  "a": 1\n}\n{\n  "a": 2\n}\n',
    "lines-array-over-lines": '[\n{"a": 1},\n{"a": 2}\n]\n', "lines-array-on-one-line": '[{"a": 1}, {"a": 2}]\n',
    "lines-CR-inside-record": '{"a":\r1}\n',
    "lines-other-separators-inside-text": '{"a":"\u2028\u0085\\u000b"}\n{"a":"\u2029"}\n',
    # rows
    "rows-empty-objects": "{}\n{}\n{}\n",
    "rows-columns-in-order-of-appearance": '{"b":1}\n{"a":2,"b":3}\n{"c":4,"a":5}\n',
    "rows-key-order-varies": '{"a":1,"b":2}\n{"b":3,"a":4}\n', "rows-first-empty": '{}\n{"a":1}\n',
    "rows-key-appears-late": '{"a":1}\n' * 300 + '{"a":1,"late":"x"}\n',
    "rows-type-changes-late": '{"a":1}\n' * 300 + '{"a":"x"}\n',
    "rows-float-late": '{"a":9007199254740993}\n' * 300 + '{"a":0.5}\n',
    "rows-null-late": '{"a":true}\n' * 300 + '{"a":null}\n', "rows-list-late": '{"a":"x"}\n' * 300 + '{"a":[1]}\n',
    "rows-null-line": '{"a":1}\nnull\n', "rows-number-line": '{"a":1}\n1\n', "rows-bool-line": '{"a":1}\ntrue\n',
    "rows-list-line": '{"a":1}\n[1]\n', "rows-text-line": '{"a":1}\n"abc"\n', "rows-empty-list-line": '{"a":1}\n[]\n',
    "rows-empty-text-line": '{"a":1}\n""\n', "rows-pairs-line": '{"a":1}\n[["b",2]]\n',
    "rows-two-letters-line": '{"a":1}\n["bc"]\n',
    # list lines
    "lists-equal": '[1,"a"]\n[2,"b"]\n', "lists-ragged": '[1]\n[2,"b",true]\n[]\n', "lists-empty": "[]\n[]\n",
    "lists-padded-text": '["a","b"]\n["c"]\n', "lists-padded-bool": "[1,true]\n[2]\n",
    "lists-nested": '[[1,2],{"a":1}]\n[[3],{}]\n', "lists-padded-only-nulls": "[1,null]\n[2]\n",
    "lists-padded-float": "[1,0.5]\n[2]\n[3,NaN]\n", "lists-then-object": '[1,2]\n{"a":1}\n',
    "lists-then-text": '[1,2]\n"ab"\n', "lists-then-number": "[1]\n2\n", "lists-then-null": "[1]\nnull\n",
    # scalar lines
    "scalars-int": "1\n2\n3\n", "scalars-float": "1\n2.5\n", "scalars-text": '"a"\n"b"\n',
    "scalars-text-null": '"a"\nnull\n', "scalars-null": "null\nnull\n", "scalars-bool": "true\nfalse\n",
    "scalars-bool-null": "true\nnull\n", "scalars-mixed": '1\n"a"\ntrue\n',
    "scalars-NaN": "NaN\nInfinity\n-Infinity\n", "scalars-then-object": '1\n{"a":1}\n',
    "scalars-null-then-list": "null\n[1]\n",
    # keys
    "keys-duplicate-last-wins": '{"a":1,"b":2,"a":3}\n{"b":4,"a":5}\n',
    "keys-duplicate-nested": '{"a":{"x":1,"y":2,"x":3}}\n', "keys-duplicate-escaped": '{"a":1,"\\u0061":"x"}\n',
    "keys-duplicate-changes-type": '{"a":"x","a":1}\n{"a":2}\n', "keys-NFC-and-NFD": '{"é":1,"e\u0301":2}\n',
    "keys-case": '{"a":1,"A":2}\n', "keys-trailing-NUL": '{"a\\u0000":1,"b":2}\n',
    "keys-trailing-NUL-clash": '{"a\\u0000":1,"a":2}\n', "keys-NUL-inside": '{"a\\u0000b":1}\n',
    "keys-only-empty": '{"":1}\n', "keys-long": '{"%s":1}\n' % ("k" * 70_000),
    "keys-numbers": '{"0":1,"1":2,"1.5":3}\n',
    "keys-like-paths": '{"a/b":1,"../x":2,"/abs":3,".":4,"":5,"block0_values":6,"axis0":7,"index":8}\n',
    "keys-nan-text": '{"nan":1,"NaN":2,"None":3}\n', "keys-nan-among-text-columns": '{"nan":"x","b":"y"}\n',
    "keys-any-character": '{" ":1,"é":2,"中":3,"😀":4,"q\\"":5,"b\\\\s":6,"\\t":7,"\\n":8,"\u2028":9,"\ufeff":10,"\x7f":11}\n',
    # documents
    "document-array-pretty": '[\n  {\n    "a": 1,\n    "b": "x"\n  },\n  {\n    "a": 2.5,\n    "c": [1, {}]\n  }\n]\n',
    "document-array-CRLF": '\r\n[\r\n{"a": 1},\r\n{"a": null}\r\n]\r\n', "document-array-CR": '[\r{"a": 1},\r{"b": 2}\r]',
    "document-array-first-item-beside-bracket": '[{"a": 1},\n{"a": 2},\n{}]', "document-array-bom": '\ufeff[\n{"a": 1}\n]',
    "document-array-comma-first": '[ {"a": 1}\n, {"a": 2}\n]', "document-array-no-space": '[{"a":"]}"},{"a":"\\"}"}\n]',
    "document-array-of-lists": '[\n[1, "a"],\n[2, "b", null]\n]', "document-array-of-one": '[\n{"a": 1}\n]\n\n \t',
    "document-array-of-scalars": '[\n1,\n2.5,\nNaN\n]', "document-array-of-texts": '["a",\n"b\\n",null]',
    "document-array-empty": "[\n]\n", "document-array-long": "[\n" + ",\n".join('{"i": %d}' % i for i in range(3000)) + "]",
    "document-array-of-everything": '[\nnull,\ntrue,"x",-1\n]', "document-array-kinds-mixed": '[\n{},\n1\n]',
    "document-array-trailing-comma": '[\n{"a": 1},\n]', "document-array-no-comma": '[\n{"a": 1}\n{"a": 2}\n]',
    "document-array-two-commas": '[\n{"a": 1},,\n{"a": 2}\n]', "document-array-unclosed": '[\n{"a": 1},\n{"a": 2}\n',
    "document-array-and-more": '[\n{"a": 1}\n]\n{"a": 2}\n', "document-array-twice": '[\n{"a": 1}\n]\n[\n]\n',
    "document-array-bad-item": '[\n{"a": 1},\n{"a": tru}\n]', "document-array-bracket-swapped": '[\n{"a": [1}\n]',
    "document-object-pretty": '{\n  "a": [\n    1\n  ],\n  "b": {}\n}\n', "document-object-unclosed": '{\n  "a": 1\n',
    "document-objects-pretty": '{\n  "a": 1\n}\n{\n  "a": 2\n}\n', "document-objects-on-a-line": '{"a": 1}{"a": 2} {"b": 3}',
    "document-objects-and-list": '{\n"a": 1}\n[1]\n', "document-objects-with-commas": '{\n"a": 1},\n{"a": 2}\n',
    "document-after-a-whole-line": '{"a": 1}\n{\n"a": 2\n}\n', "document-text-over-lines": '[\n{"a": "x\ny"}\n]',
    "document-number-cut": "[1.\n5]", "document-nested-depth-300": '[\n{"a":%s1%s}\n]' % ("[" * 300, "]" * 300),
    "document-keys-twice": '[\n{"a": 1, "a": 2},\n{"b": 1}\n]', "document-objects-first-broken": '{"a" 1}{"a": 2}\n',
    "document-one-array-on-a-line": '[{"a": 1}, {"a": 2}]', "document-one-empty-array-on-a-line": "[]",
    # nested values
    "nested-depth-400": '{"a":%s1%s}\n' % ("[" * 400, "]" * 400),
    "nested-objects-depth-200": '{"a":%s1%s}\n' % ('{"k":' * 200, "}" * 200),
    "nested-every-type": '{"a":[null,true,false,0,-1,9223372036854775808,18446744073709551616,-9223372036854775809,'
    '1.5,-0.0,NaN,Infinity,"","é",[],{}]}\n',
    "nested-numbers": '{"a":[%s]}\n' % ",".join(NUMBERS),
    "nested-key-order": '{"a":{"b":1,"a":2}}\n{"a":{"a":1,"b":2}}\n',
    "nested-equal-lengths": '{"a":[1,2]}\n{"a":[3,4]}\n', "nested-empty": '{"a":[[],{}]}\n',
    "nested-long-list": '{"a":[%s]}\n' % ",".join(map(str, range(3000))),
    "nested-int-sizes": '{"a":[%s]}\n' % ",".join(
        str(s * (2**e + d)) for e in (7, 8, 15, 16, 31, 32, 63, 64, 127, 2040) for d in (-1, 0, 1) for s in (1, -1)
    ),
    "nested-digits-4300": '{"a":[%s]}\n' % ("9" * 4300),
    "nested-many-keys": '{"a":{%s}}\n' % ",".join('"k%d":%d' % (i, i) for i in range(3000)),
    "nested-text-lengths": '{"a":[%s]}\n' % ",".join('"%s"' % ("x" * n) for n in (0, 1, 255, 256, 257, 65535, 65536)),
    # size
    "wide-2000-columns": "{%s}\n" % ",".join('"c%d":%d' % (i, i) for i in range(2000)),
    "wide-200-columns-of-five-dtypes": "{%s}\n" % ",".join(
        '"c%d":%s' % (i, ("1", "1.5", "true", "[1]", "18446744073709551615")[i % 5]) for i in range(200)
    ),
    "wide-40-text-columns": '{%s}\n' % ",".join('"t%d":"v"' % i for i in range(40)),
    "wide-new-key-each-row": "".join('{"k%d":%d}\n' % (i, i) for i in range(300)),
    "tall-20000-rows": "".join(
        '{"i":%d,"f":%r,"b":%s,"t":"v%d"}\n' % (i, i / 7, "true" if i % 3 else "false", i % 100) for i in range(20_000)
    ),
    "tall-one-long-text": '{"a":"%s"}\n' % ("é" * 1_000_000),
    "tall-repeated-text": '{"a":"same"}\n' * 2000 + '{"a":null}\n' + '{"a":"other"}\n' * 2000,
    "texts-lengths": "".join('{"a":"%s"}\n' % ("x" * n) for n in (0, 1, 255, 256, 257, 65535, 65536)),
}


def column(values):
    """One row a value, in column `v`, beside a full column `id`."""
    return "".join('{"id":%d%s}\n' % (i, "" if v is MISSING else ',"v":' + v) for i, v in enumerate(values))


def cases():
    """Every case as (name, bytes)."""
    for kind, values in KINDS.items():
        for gap, absent in GAPS.items():
            if values or absent:
                yield f"column-{kind}{gap}", column(values + absent)
        yield f"column-{kind}-null-first", column(["null"] + values)
        yield f"column-{kind}-missing-first", column([MISSING] + values)
    for name, (first, second) in NEIGHBOURS.items():
        yield f"readback-all-null-beside-{name}", '{"n":null,"w":%s}\n{"n":null,"w":%s}\n' % (first, second)
        yield f"readback-text-null-beside-{name}", '{"t":"x","w":%s}\n{"t":null,"w":%s}\n' % (first, second)
    yield "readback-all-null-alone", '{"n":null}\n{"n":null}\n'
    yield "readback-null-and-missing-alone", '{"n":null}\n{}\n'
    for i, number in enumerate(NUMBERS):
        yield f"number-{i:02}", '{"a":%s,"b":%s}\n{"a":%s}\n' % (number, number, number)
    yield "numbers-floats-together", column([n for n in NUMBERS if re.search("[.eE]", n)])
    for i, text in enumerate(TEXTS):
        yield f"text-{i:02}", '{"a":%s,%s:1}\n' % (text, text[:-1] + '!"')
    yield "texts-together", column(TEXTS + ["null", MISSING])
    for prefix, table in (("malformed", MALFORMED), ("malformed", BYTES), ("surrogate", SURROGATES)):
        for name, content in table.items():
            yield f"{prefix}-{name}", content
    yield from FILES.items()


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: cases.py DIR")
    folder, names = Path(sys.argv[1]), set()
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in cases():
        assert name.lower() not in names, f"two cases called {name}"
        names.add(name.lower())
        write(folder, name, content)
    print(f"{len(names)} cases in {folder}")


if __name__ == "__main__":
    main()
