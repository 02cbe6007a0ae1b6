"""Sources that are not one record a line: documents over several lines, several records on a line, compressed sources.

What is right with them depends on `sidecar.NOT_YET`.
"""
import bz2
import gzip
import lzma

TWO = '{"a":1}\n{"a":2}\n'

OBJECTS = {
    "pretty-one": '{\n  "a": 1\n}\n', "pretty-two": '{\n  "a": 1\n}\n{\n  "a": 2\n}\n', "pretty-CR": '{\r"a": 1\r}\r',
    "pretty-CRLF": '{\r\n  "a": 1,\r\n  "b": "x"\r\n}\r\n', "pretty-bom": '\ufeff{\n"a": 1\n}\n',
    "pretty-blank": '\n\n{\n"a":1\n}\n\n',
    "pretty-nested": '{\n  "a": [\n    1,\n    {\n      "b": null\n    }\n  ]\n}\n', "pretty-cut": '{\n  "a": 1\n',
    "pretty-trailing": '{\n  "a": 1\n}\n]', "pretty-text-over-lines": '{\n  "a": "x\n"}\n', "pretty-empty": "{\n}\n",
    "pretty-keys-vary": '{\n"a":1\n}\n{\n"b":"x",\n"a":null\n}\n',
    "pretty-twice-a": '{\n"a":1,\n"b":2,\n"a":"x"\n}\n', "pretty-surrogate": '{\n"a":"\\ud800"\n}\n',
    "pretty-key-NUL": '{\n"a\\u0000":1\n}\n', "pretty-bad-utf8": b'{\n"a":"\xff"\n}\n',
    "pretty-then-number": '{\n"a":1\n}\n1\n', "pretty-then-list": '{\n"a":1\n}\n[]\n',
    "pretty-then-line": '{\n"a":1\n}\n{"a":2}\n', "line-then-pretty": '{"a":1}\n{\n"a":2\n}\n',
    "concatenated": '{"a":1}{"a":2}{"b":"}{"}', "concatenated-bad": '{"a":1}{"a":}',
    "concatenated-numbers": '{"a":1e400,"b":18446744073709551616}{"a":NaN,"b":-0.0}',
    "concatenated-spaced": '{"a":1}\t{"a":2} ',
}
ARRAYS = {
    "array": '[\n{"a": 1},\n{"a": 2}\n]\n', "array-one-line": '[{"a": 1}, {"a": 2}]\n',
    "array-pretty": '[\n  {\n    "a": 1\n  }\n]', "array-late-key": '[\n{"a": 1},\n{"b": "x", "a": null}\n]\n',
    "array-trailing-comma": '[\n{"a": 1},\n]\n', "array-two-commas": '[\n{"a": 1},,\n{"a": 2}\n]\n',
    "array-first-comma": '[,\n{"a": 1}\n]\n', "array-open": '[\n{"a": 1},\n{"a": 2}\n',
    "array-no-comma": '[\n{"a": 1}\n{"a": 2}\n]\n', "array-then-more": '[\n{"a":1}\n]\n{}\n',
    "array-end-missing": '[\n{"a": 1}', "array-of-mixed": '[\n{"a": 1},\n2\n]\n',
    "array-of-null": '[\n{"a": 1},\nnull\n]\n', "array-of-objects-and-lists": '[\n{"a":1},\n[]\n]\n',
    "array-of-lists": "[\n[1, 2],\n[3, 4]\n]\n", "array-of-numbers": "[\n1,\n2\n]\n",
    "array-brackets-in-text": '[\n{"a": "]}"}\n]\n',
    "array-numbers": '[\n{"a": 1e400, "b": 18446744073709551616},\n{"a": NaN, "b": -0.0}\n]\n',
    "array-bom": '\ufeff[\n{"a": 1}\n]\n',
    "array-wide": "[\n%s\n]" % ",\n".join('{"k%d":%d}' % (i, i) for i in range(300)),
    "array-comma-first": '[{"a":1}\n,{"a":2}\n]\n',
    "array-bad-later": '[\n%s{"a":tru}\n]\n' % ('{"a":true},\n' * 300), "array-wrong-end": '[\n{"a": 1}\n}\n',
    "array-two-ends": '[\n{"a":1}\n]]\n',
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
    for prefix, table in (("document", OBJECTS), ("document", ARRAYS), ("packed", PACKED)):
        for name, content in table.items():
            yield f"{prefix}-{name}", content
