"""Sources that are not one record a line: documents over several lines, several records on a line, compressed sources.
"""
import bz2
import gzip
import lzma

TWO = '{"a":1}\n{"a":2}\n'

OBJECTS = {
    "one": '{\n  "a": 1\n}\n', "two": '{\n  "a": 1\n}\n{\n  "a": 2\n}\n', "CR": '{\r"a": 1\r}\r',
    "CRLF": '{\r\n  "a": 1,\r\n  "b": "x"\r\n}\r\n', "bom": '\ufeff{\n"a": 1\n}\n', "blank": '\n\n{\n"a":1\n}\n\n',
    "nested": '{\n  "a": [\n    1,\n    {\n      "b": null\n    }\n  ]\n}\n', "unclosed": '{\n  "a": 1\n',
    "then-bracket": '{\n  "a": 1\n}\n]', "text-over-lines": '{\n  "a": "x\n"}\n', "empty": "{\n}\n",
    "keys-vary": '{\n"a":1\n}\n{\n"b":"x",\n"a":null\n}\n', "key-twice": '{\n"a":1,\n"b":2,\n"a":"x"\n}\n',
    "surrogate": '{\n"a":"\\ud800"\n}\n', "key-NUL": '{\n"a\\u0000":1\n}\n', "bad-utf8": b'{\n"a":"\xff"\n}\n',
    "then-number": '{\n"a":1\n}\n1\n', "then-list": '{\n"a":1\n}\n[]\n', "then-line": '{\n"a":1\n}\n{"a":2}\n',
    "after-line": '{"a":1}\n{\n"a":2\n}\n', "on-a-line": '{"a":1}{"a":2}{"b":"}{"}', "on-a-line-bad": '{"a":1}{"a":}',
    "numbers": '{"a":1e400,"b":18446744073709551616}{"a":NaN,"b":-0.0}', "spaced": '{"a":1}\t{"a":2} ',
    "first-bad": '{"a" 1}{"a": 2}\n', "commas-between": '{\n"a": 1},\n{"a": 2}\n', "cut-inside-key": '{\n"a',
    "number-over-lines": '{"a":1.\n5}\n', "word-over-lines": '{"a":tr\nue}\n', "escape-over-lines": '{"a":"\\\nn"}\n',
    "nested-deep": '{\n"a":%s1%s}\n' % ("[" * 300, "]" * 300), "unclosed-deep": '{\n"a":' + "[" * 100_000,
    "many": '{\n"a":1\n}\n' * 3000, "many-then-bad": '{\n"a":1\n}\n' * 300 + '{\n"a":1]\n',
    "NUL-between": '{\n"a":1}\0{}', "many-on-a-line": '{"a":1}' * 3000, "bom-between": '{\n"a":1}\ufeff{}',
    "nbsp-between": '{\n"a":1}\u00a0{}',
}
ARRAYS = {
    "of-two": '[\n{"a": 1},\n{"a": 2}\n]\n', "one-line": '[{"a": 1}, {"a": 2}]\n',
    "pretty": '[\n  {\n    "a": 1\n  }\n]', "late-key": '[\n{"a": 1},\n{"b": "x", "a": null}\n]\n',
    "trailing-comma": '[\n{"a": 1},\n]\n', "two-commas": '[\n{"a": 1},,\n{"a": 2}\n]\n',
    "comma-at-the-start": '[,\n{"a": 1}\n]\n', "cut": '[\n{"a": 1}', "unclosed": '[\n{"a": 1},\n{"a": 2}\n',
    "no-comma": '[\n{"a": 1}\n{"a": 2}\n]\n', "then-object": '[\n{"a":1}\n]\n{}\n',
    "of-mixed": '[\n{"a": 1},\n2\n]\n', "of-null-late": '[\n{"a": 1},\nnull\n]\n',
    "of-lists-late": '[\n{"a":1},\n[]\n]\n', "of-lists": '[\n[1, "a"],\n[2, "b", null]\n]',
    "of-numbers": "[\n1,\n2.5,\nNaN\n]\n", "of-texts": '["a",\n"b\\n",null]',
    "brackets-in-text": '[\n{"a": "]}"}\n]\n', "bom": '\ufeff[\n{"a": 1}\n]\n', "CR": '[\r{"a": 1},\r{"b": 2}\r]',
    "numbers": '[\n{"a": 1e400, "b": 18446744073709551616},\n{"a": NaN, "b": -0.0}\n]\n', "empty": "[\n]\n",
    "wide": "[\n%s\n]" % ",\n".join('{"k%d":%d}' % (i, i) for i in range(300)), "of-empty": "[\n{}\n]\n",
    "comma-first": '[{"a":1}\n,{"a":2}\n]\n', "wrong-end": '[\n{"a": 1}\n}\n', "two-ends": '[\n{"a":1}\n]]\n',
    "bad-late": '[\n%s{"a":tru}\n]\n' % ('{"a":true},\n' * 300), "twice": '[\n{"a": 1}\n]\n[\n]\n',
    "CRLF-and-blank": '\r\n[\r\n{"a": 1},\r\n{"a": null}\r\n]\r\n', "no-space": '[{"a":"]}"},{"a":"\\"}"}\n]',
    "of-everything": '[\nnull,\ntrue,"x",-1,1e5,18446744073709551616\n]', "bracket-swapped": '[\n{"a": [1}\n]',
    "number-over-lines": "[1.\n5]", "nested-deep": '[\n{"a":%s1%s}\n]' % ("[" * 300, "]" * 300),
    "key-twice": '[\n{"a":1,"a":2}\n]', "empty-on-a-line": "[]", "blank-then-end": '[\n{"a": 1}\n]\n\n \t',
    "long": "[\n%s]" % ",\n".join(['{"a":1}'] * 3000), "opening-alone": "[\n", "opening-100000": "[\n" * 100_000,
    "of-surrogate": '[\n{"a":"\\ud800"}\n]', "of-bad-utf8": b'[\n"\xff"\n]',
    "surrogate-in-list": '[\n{"a":["\\ud800"]}\n]', "then-NUL": '[\n{"a":1}\n]\0',
    "text-over-lines": '[\n{"a": "x\ny"}\n]', "of-objects-then-number-keys": "[\n{1:2}\n]",
    "comma-then-end-of-file": '[\n{"a":1},', "all-null-column": '[\n{"a":null},\n{}\n]',
}
_MEMBERS = gzip.compress(b'{"a":1}\n{"a"', mtime=0) + gzip.compress(b':2}\n', mtime=0)
_GZIP = gzip.compress(TWO.encode(), mtime=0)
PACKED = {
    "gzip": _GZIP, "gzip-members": _MEMBERS, "gzip-empty": gzip.compress(b"", mtime=0), "gzip-header": _GZIP[:10],
    "gzip-bom-and-blank": gzip.compress(f"\ufeff{TWO}\n".encode(), mtime=0), "gzip-magic": _GZIP[:2],
    "gzip-bad-record": gzip.compress(b'{"a":1}\n{"a":}\n', mtime=0), "gzip-cut": _GZIP[:-9],
    "gzip-no-checksum": _GZIP[:-8], "gzip-bad-utf8": gzip.compress(b'{"a":"\xff"}\n', mtime=0),
    "gzip-wrong-checksum": _GZIP[:-8] + b"\0" * 8, "gzip-second-cut": _MEMBERS[:-3],
    "gzip-document": gzip.compress(b'[\n{"a":1},\n{"a":2}\n]\n', mtime=0),
    "gzip-damaged": _GZIP[:14] + b"\xff" + _GZIP[15:], "gzip-mixed-lines": gzip.compress(b'{"a":1}\nnull\n', mtime=0),
    "gzip-tall": gzip.compress(b"".join(b'{"a":%d}\n' % i for i in range(20_000)), mtime=0),
    "bzip2": bz2.compress(TWO.encode()), "bzip2-twice": bz2.compress(b'{"a":1}\n') + bz2.compress(b'{"a":2}\n'),
    "bzip2-cut": bz2.compress(TWO.encode())[:-4], "xz": lzma.compress(TWO.encode()), "xz-empty": lzma.compress(b""),
    "xz-twice": lzma.compress(b'{"a":1}\n') + lzma.compress(b'{"a":2}\n'), "xz-cut": lzma.compress(TWO.encode())[:-4],
}


def cases():
    for prefix, table in (("objects", OBJECTS), ("array", ARRAYS), ("packed", PACKED)):
        for name, content in table.items():
            yield f"document-{prefix}-{name}", content
