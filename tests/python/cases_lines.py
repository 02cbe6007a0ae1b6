"""Lines: what ends one, what may stand around a record, blank lines, byte order marks."""

TWO = '{"a":1}\n{"a":2}\n'

ENDS = {
    "LF": TWO, "CRLF": '{"a":1}\r\n{"a":2}\r\n', "CR": '{"a":1}\r{"a":2}\r', "one": '{"a":1}', "empty-file": "",
    "mixed-ends": '{"a":1}\n{"a":2}\r{"a":3}\r\n{"a":4}', "LF-CR": '{"a":1}\n\r{"a":2}\n\r',
    "no-final-newline": '{"a":1}\n{"a":2}', "no-final-newline-CR": '{"a":1}\r{"a":2}',
    "CR-last": '{"a":1}\n{"a":2}\r', "CR-CR-LF": '{"a":1}\r\r\n{"a":2}\r\r\n', "CR-inside-record": '{"a":\r1}\n',
    "CR-inside-text": '{"a":"x\ry"}\n', "LF-inside-key": '{"a\nb":1}\n',
    "escaped-ends-inside": '{"a\\nb":"\\r\\n"}\n', "CR-before-comma": '{"a":1\r,"b":2}\n',
    "CRLF-inside-list": "[1,\r\n2]\n", "two-on-a-line": '{"a":1}{"a":2}\n',
    "two-on-a-line-spaced": '{"a":1} {"a":2}\n', "two-lists-on-a-line": "[1][2]\n", "two-numbers-on-a-line": "1 2\n",
    "comma-after": '{"a":1},\n{"a":2}\n', "comma-alone": '{"a":1}\n,\n{"a":2}\n',
}
AROUND = {
    "space-around": ' \t{"a":1} \t\n\t{ "a" :\t2 } \n', "space-around-list": "\t[ 1 , 2 ]\t\n",
    "space-everywhere": ' { "a" : [ 1 , { "b" : null } ] , "c" : { } } \n', "space-around-scalar": " 1 \n\t2\t\n",
    "space-before-CR": '{"a":1} \r{"a":2}\t\r\n', "space-64": '%s{"a":1}%s\n' % (" " * 64, "\t" * 64),
    "space-4096": '{"a":%s1%s}\n' % (" " * 4096, "\t" * 4096), "form-feed-line": '{"a":1}\n\f\n{"a":2}\n',
    "nbsp-line": '{"a":1}\n\u00a0\n{"a":2}\n', "ctrl-Z-line": '{"a":1}\n\x1a', "NUL-line": '{"a":1}\n\0\n',
    "NUL-alone": "\0", "NULs-at-the-end": '{"a":1}\n' + "\0" * 100,
    "line-separator-between": '{"a": 1}\u2028{"a": 2}', "next-line-between": '{"a": 1}\x85{"a": 2}',
    "vertical-tab-between": '{"a": 1}\v{"a": 2}',
    "separators-inside-text": '{"a":"\u2028\x85\\u000b"}\n{"a":"\u2029"}\n', "html": "<html></html>\n",
    "yaml": "a: 1\n", "comment-line": '# one\n{"a":1}\n', "csv": "a,b\n1,2\n", "word": "hello",
}
BEFORE = {
    "nbsp": "\u00a0", "form-feed": "\f", "vertical-tab": "\v", "NUL": "\0", "backspace": "\b", "DEL": "\x7f",
    "comma": ",", "next-line": "\x85", "line-separator": "\u2028", "paragraph-separator": "\u2029",
    "ideographic-space": "\u3000", "zero-width-space": "\u200b", "word-joiner": "\u2060", "record-separator": "\x1e",
    "unit-separator": "\x1f", "file-separator": "\x1c", "semicolon": ";", "hash": "#", "server-sent-event": "data: ",
}
AFTER = {
    "nbsp": "\u00a0", "form-feed": "\f", "NUL": "\0", "ctrl-Z": "\x1a", "line-separator": "\u2028", "semicolon": ";",
    "comment": " // one", "hash": " # one", "bracket": "}", "word": " x", "quote": '"', "bom": "\ufeff",
}
BLANKS = {
    "only-newline": "\n", "only-newlines": "\n\n\n", "only-CR": "\r", "only-CRLF": "\r\n", "only-space": " ",
    "only-white-space": " \t\r\n \n", "first": '\n{"a":1}\n', "last": '{"a":1}\n\n\n', "two-first": f"\n\n{TWO}",
    "in-the-middle": '{"a":1}\n\n \t\n{"a":2}\n', "CRLF": '{"a":1}\r\n\r\n{"a":2}\r\n', "CR": '{"a":1}\r\r{"a":2}\r',
    "no-final-newline": '{"a":1}\n \t', "between-lists": "[1]\n\n[2]\n", "between-scalars": '"a"\n\n"b"\n',
    "beside-all-null": '{"a":null}\n\n{"a":null}\n', "then-bad": '{"a":1}\n\n{"a":}\n',
    "then-null": '\n{"a":1}\n\nnull\n', "many": "\n" * 3000 + TWO + " \n" * 3000,
}
MARKS = {
    "two": f"\ufeff{TWO}", "only": "\ufeff", "blank": '\ufeff\n{"a":1}\n', "twice": f"\ufeff\ufeff{TWO}",
    "CRLF": '\ufeff{"a":1}\r\n', "space": '\ufeff {"a":1}\n', "second-line": '{"a": 1}\n\ufeff{"a": 2}\n',
    "after-space": ' \ufeff{"a":1}\n', "after-blank": '\n\ufeff{"a":1}\n', "last": f"{TWO}\ufeff", "bad": "\ufeff{\n",
    "inside-text": '{"a":"\ufeff","\ufeffb":1}\n', "list": "\ufeff[1]\n", "scalar": '\ufeff"\ufeff"\n',
    "cut": b'\xef\xbb{"a":1}\n', "cut-alone": b"\xef\xbb", "then-UTF-16": b"\xef\xbb\xbf\xff\xfe{\0}\0",
}


def cases():
    for prefix, table in (("lines", ENDS), ("lines", AROUND), ("lines-blank", BLANKS), ("lines-bom", MARKS)):
        for name, content in table.items():
            yield f"{prefix}-{name}", content
    for name, mark in BEFORE.items():
        yield f"lines-before-{name}", f'{mark}{{"a":1}}\n'
    for name, mark in AFTER.items():
        yield f"lines-after-{name}", f'{{"a":1}}{mark}\n'
