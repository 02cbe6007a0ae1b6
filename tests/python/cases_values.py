"""Values: numbers and how they are rounded, texts and their escapes, nesting, and what is no JSON."""
import re

from cases_dtypes import MISSING, column

NUMBERS = [
    "0", "-0", "0.0", "-0.0", "1E5", "1e+5", "1e-5", "1e400", "-1e400", "1e-400", "5e-324", "2.2250738585072011e-308",
    "1e23", "9007199254740993.0", "0.1", "123456789012345678901234567890.5", "1.7976931348623157e308",
    "1.7976931348623159e308", "2.4703282292062327e-324", "0." + "0" * 400 + "1", "9" * 310 + ".0", "1e00", "1e-00",
    "0e0",
    "0.1000000000000000055511151231257827021181583404541015625", "-0e-0", "0e999999999999999999999",
    "1e-999999999999999999999",
    "-1e999999999999999999999", "0.0e+400", "100000000000000000000000e-23", "1" + "0" * 400 + "e-400",
    "0." + "0" * 330 + "1e331",
    "2.4703282292062328e-324", "-5e-324", "2.2250738585072014e-308", "1.7976931348623158e308",
    "1.797693134862315807e308",
    "1.797693134862315808e308", "9007199254740992.5", "9007199254740991.5", "4503599627370496.5",
    "18446744073709551616.0",
    "9223372036854775807.0", "-9223372036854775808.0", "1e19", "1e22", "3.14159265358979323846264338327950288", "1.0",
]
INTEGERS = [str(sign * (2**power + d)) for power in (7, 8, 15, 16, 24, 31, 32, 53, 62, 63, 64, 65, 127, 1024, 2040,
    2048)
            for d in (-1, 0, 1) for sign in (1, -1)]
TEXTS = [
    '"é"', '"e\u0301"', '"中文 😀"', r'"\ud83d\ude00"', r'"\u0000"', r'"a\u0000b\u0000"', '"\x7f"', r'"\"\\\/\b\f\n\r\t"',
    '"\u2028\u2029\u0085"', r'"\u00e9\u00E9"', '"2020-01-01"', '" "', '"\ufeff"', '"\U0010ffff"', '"null"',
    '"\U00010000"',
    r'"\uFFFF\uFFFE"', r'"\u0022\u005c\u002f"', '"\ufffd"', r'"\ud7ff\ue000"', r'"\uD83D\uDE00\ud83D\uDe00"',
    '"' + "\\\\" * 33 + '"',
    '"' + r"\u00e9" * 40 + '"', '"' + "x" * 31 + r'\"' + "y" * 31 + r'\\"', '"{\\"a\\": 1}"', '"NaN"', '"1e5"',
    '"\u200d\u200b"',
]
# Lone surrogates: kept inside nested and mixed values, refused in text columns.
SURROGATES = {
    "text-column": r'{"a": "\ud800"}', "text-column-later": '{"a": "x"}\n' r'{"a": "y\udc00"}',
    "list": r'{"a": ["\ud800"]}', "mixed-column": '{"a": 1}\n' r'{"a": "\ud800"}',
    "reversed-pair": r'{"a": ["\ude00\ud83d"]}', "high-high-low": r'{"a": ["\ud83d\ud83d\ude00"]}',
    "high-low-low": r'{"a": ["\ud83d\ude00\ude00"]}', "high-then-text": r'{"a": ["\ud83dx\ude00"]}',
    "high-then-escape": r'{"a": ["\ud83d\n\ude00"]}', "high-last": r'{"a": ["x\ud83d"]}',
    "text-column-null": r'{"a": "\ud800"}' '\n{"a": null}', "scalar": r'"\ud800"', "list-line": r'["\ud800"]',
    "list-line-mixed": r'["\ud800"]' "\n[1]", "high-then-bad-escape": r'{"a": ["\ud83d\u12"]}',
    "high-then-cut": r'{"a": ["\ud83d\ude0"]}', "high-then-plain-u": r'{"a": ["\ud83du\ude00"]}',
    "high-then-literal": '{"a": ["\\ud83d😀"]}', "edges": r'{"a": ["\ud800\udbff\udc00\udfff"]}',
    "nested-values": r'{"a": {"k": "\udfff", "l": [{"\udbff": "\udc00"}]}}',
    "bool-mix": '{"a": true}\n' r'{"a": "\ud800"}', "huge-mix": '{"a": %d}\n' % 2**70 + r'{"a": "\ud800"}',
    "after-padded-list": '[1]\n' r'[2,"\ud800"]', "escaped-pair-in-hex-case": r'{"a": "\uD83d\uDe00"}',
}
# No JSON: the reference refuses each, naming a line.
MALFORMED = {
    "truncated-last-line": '{"a": 1}\n{"a": 2', "truncated-text": '{"a": "x', "trailing-comma": '{"a": 1,}',
    "single-quotes": "{'a': 1}", "no-colon": '{"a" 1}', "no-value": '{"a": }', "bare-key": "{a: 1}",
    "comment": '{"a": /* one */ 1}', "leading-zero": '{"a": 01}', "plus-sign": '{"a": +1}', "hex": '{"a": 0x10}',
    "no-fraction": '{"a": 1.}', "no-whole": '{"a": .5}', "no-exponent": '{"a": 1e}', "minus-alone": '{"a": -}',
    "minus-NaN": '{"a": -NaN}', "plus-Infinity": '{"a": +Infinity}', "small-nan": '{"a": nan}', "Inf": '{"a": Inf}',
    "None": '{"a": None}', "True": '{"a": True}', "underscore": '{"a": 1_000}', "extra-bracket": '{"a": 1}}',
    "open-list": '{"a": [1, 2}', "raw-tab-in-text": '{"a": "\t"}', "raw-newline-in-text": '{"a": "x\ny"}',
    "raw-NUL": '{"a": "\x00"}', "bad-escape": r'{"a": "\x41"}', "short-escape": r'{"a": "\u12"}',
    "undefined": '{"a": undefined}', "second-line": '{"a": 1}\n{"a": tru}\n{"a": 3}\n', "number-key": "{1: 2}",
    "digits-4301": '{"a": 1%s}' % ("0" * 4300), "digits-4301-negative": '{"a": -1%s}' % ("0" * 4300),
    "digits-4301-nested": '{"a": [1%s]}' % ("0" * 4300), "nesting-100000": "[" * 100_000 + "]" * 100_000,
    "nesting-unclosed": '{"a":' * 100_000, "nan-literal-cut": '{"a": Na}', "Infinity-cut": '{"a": Infinit}',
    "Infinity-longer": '{"a": Infinityy}', "minus-Infinity-cut": '{"a": -Infinit}', "null-longer": '{"a": nulll}',
    "NaN-then-digit": '{"a": NaN1}', "bytes": "{\"a\": b'x'}", "decimal-comma": '{"a": 1,5}',
    "full-width-digit": '{"a": １}', "arabic-digit": '{"a": ١}', "minus-space": '{"a": - 1}',
    "exponent-space": '{"a": 1e 5}', "double-minus": '{"a": --1}', "text-then-text": '{"a": "x" "y"}',
}
NESTED = {
    "lists-480": '{"a":%s1%s}\n' % ("[" * 480, "]" * 480),
    "objects-240": '{"a":%s1%s}\n' % ('{"k":' * 240, "}" * 240),
    "objects-480": '{"a":%s1%s}\n' % ('{"k":' * 480, "}" * 480),
    "both-400": '{"a":%s1%s}\n' % ('[{"k":' * 200, "}]" * 200),
    "empty-lists-400": '{"a":%s%s}\n' % ("[" * 400, "]" * 400), "list-lines-400": "%s%s\n" % ("[" * 400, "]" * 400),
    "every-type": '{"a":[null,true,false,0,-1,9223372036854775808,18446744073709551616,-9223372036854775809,'
    '1.5,-0.0,NaN,Infinity,-Infinity,"","é",[],{}]}\n',
    "every-type-as-members": '{"a":{"a":null,"b":true,"c":0,"d":-1,"e":18446744073709551616,"f":1.5,'
    '"g":NaN,"h":"","i":[],"j":{}}}\n',
    "numbers": '{"a":[%s]}\n' % ",".join(NUMBERS), "integers": '{"a":[%s]}\n' % ",".join(INTEGERS),
    "texts": '{"a":[%s]}\n' % ",".join(TEXTS), "key-order": '{"a":{"b":1,"a":2}}\n{"a":{"a":1,"b":2}}\n',
    "equal-lengths": '{"a":[1,2]}\n{"a":[3,4]}\n', "equal-lengths-texts": '{"a":["x","y"]}\n{"a":["z","w"]}\n',
    "equal-shapes": '{"a":[[1],[2]],"b":[[3],[4]]}\n{"a":[[5],[6]],"b":[[7],[8]]}\n', "empty": '{"a":[[],{}]}\n',
    "empty-lists": '{"a":[]}\n{"a":[]}\n', "empty-objects": '{"a":{}}\n{"a":{}}\n',
    "list-of-nulls": '{"a":[null,null]}\n{"a":[null]}\n',
    "long-list": '{"a":[%s]}\n' % ",".join(map(str, range(3000))), "digits-4300": '{"a":[%s]}\n' % ("9" * 4300),
    "digits-4300-negative": '{"a":-%s}\n' % ("9" * 4300),
    "many-keys": '{"a":{%s}}\n' % ",".join('"k%d":%d' % (i, i) for i in range(3000)),
    "bool-like-ints": '{"a":[1,true,1.0,"1",0,false,0.0,-0.0,"0"]}\n',
    "text-lengths": '{"a":[%s]}\n' % ",".join('"%s"' % ("x" * n) for n in (0, 1, 31, 32, 33, 255, 256, 257, 65535,
        65536)),
    "matrix": '{"a":[%s]}\n' % ",".join("[%s]" % ",".join(str(i * j) for j in range(40)) for i in range(40)),
    "siblings": '{"a":%s}\n' % ("[" + ",".join(["[[1],{}]"] * 500) + "]"),
    "repeated-texts": '{"a":["same","same",{"same":"same"}],"b":"same"}\n' * 20,
    "object-column-and-text": '{"a":{"x":"t"},"b":"t","c":null}\n' * 3,
}
SIZES = {
    "wide-2000-columns": "{%s}\n" % ",".join('"c%d":%d' % (i, i) for i in range(2000)),
    "wide-200-columns-of-five-dtypes": "{%s}\n" % ",".join(
        '"c%d":%s' % (i, ("1", "1.5", "true", "[1]", "18446744073709551615")[i % 5]) for i in range(200)
    ),
    "wide-20-text-columns": "{%s}\n" % ",".join('"t%d":"v"' % i for i in range(20)),
    **{f"wide-{n}-object-columns": "{%s}\n" % ",".join('"o%d":[%d]' % (i, i) for i in range(n)) for n in (255, 256,
        257)},
    "tall-6000-rows": "".join(
        '{"i":%d,"f":%r,"b":%s,"t":"v%d"}\n' % (i, i / 7, "true" if i % 3 else "false", i % 100) for i in range(6000)
    ),
    **{f"tall-{n}-rows": '{"t":"x","o":[],"p":{},"i":1}\n' * n for n in (255, 256, 257, 999, 1000, 1001, 2001)},
    "tall-one-long-text": '{"a":"%s"}\n' % ("é" * 1_000_000),
    "tall-repeated-text": '{"a":"same"}\n' * 2000 + '{"a":null}\n' + '{"a":"other"}\n' * 2000,
    "tall-bools-19": '{"a":true}\n{"a":false}\n' * 9 + '{"a":true}\n',
    "texts-lengths": "".join('{"a":"%s"}\n' % ("x" * n) for n in (0, 1, 31, 32, 33, 63, 64, 65, 255, 256, 257, 65535,
        65536)),
    "texts-lengths-in-bytes": "".join('{"a":"%s"}\n' % ("é" * n) for n in (127, 128, 129, 255, 256, 32767, 32768)),
}


def cases():
    for i, number in enumerate(NUMBERS):
        yield f"number-{i:02}", '{"a":%s,"b":%s}\n{"a":%s}\n' % (number, number, number)
    yield "numbers-floats-together", column([n for n in NUMBERS if re.search("[.eE]", n)])
    yield "numbers-integers-together", column(INTEGERS)
    yield "numbers-integers-as-columns", "{%s}\n" % ",".join(f'"{n}":{n}' for n in INTEGERS)
    yield "numbers-as-text", column([f'"{n}"' for n in NUMBERS + INTEGERS])
    for i, text in enumerate(TEXTS):
        yield f"text-{i:02}", '{"a":%s,%s:1}\n' % (text, text[:-1] + '!"')
    yield "texts-together", column(TEXTS + ["null", MISSING])
    for prefix, table in (("malformed", MALFORMED), ("surrogate", SURROGATES), ("nested", NESTED), ("size", SIZES)):
        for name, content in table.items():
            yield f"{prefix}-{name}", content


def long_cases():
    for rows in (65_535, 65_536, 65_537):
        yield f"size-tall-{rows}-objects", '{"o":[],"p":null}\n' * rows
