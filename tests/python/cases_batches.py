"""Sources larger than what is read and parsed at a time (about a mebibyte): what must not depend on where it is cut."""
from cases_dtypes import CLASSES, MISSING, columns, mixes

BATCH = 1 << 20


def long(line, size=BATCH):
    """The line with white space behind it, which makes it long and costs no one memory."""
    return line + " " * (size - len(line))


def many(line):
    """Twenty of the line, more than a batch."""
    return (long(line, BATCH // 16) + "\n") * 20


FILES = {
    "text-missing-last": "".join('{"t":"%d"}\n' % row for row in range(3000)) + "{}\n",
    "key-late": many('{"a":1,"b":"x"}') + '{"c":[1],"a":2}\n',
    "order-varies": many('{"a":1,"b":2}') + many('{"b":3,"c":4,"a":5}'),
    "float-late": many('{"a":9007199254740993}') + '{"a":0.5}\n',
    "null-late": many('{"a":9007199254740993,"b":true}') + '{"a":null,"b":null}\n',
    "text-late": many('{"a":9007199254740993}') + '{"a":"x"}\n',
    "negative-late": many('{"a":9223372036854775808}') + '{"a":-1}\n',
    "huge-late": many('{"a":1}') + '{"a":18446744073709551616}\n',
    "missing-between": many('{"a":1,"b":2}') + many('{"a":1}') + many('{"a":1,"b":2}'),
    "bad-late": many('{"a":1}') + '{"a":}\n', "null-line-late": many('{"a":1}') + "null\n",
    "empty-list-line-late": many('{"a":1}') + "[]\n", "surrogate-late": many('{"a":"x"}') + '{"a":"\\ud800"}\n',
    "bad-utf8-late": many('{"a":1}').encode() + b'{"a":"\xff"}\n', "bom-late": many('{"a":1}') + '\ufeff{"a":1}\n',
    "lists-wider-late": many("[1]") + '[2,"x",true]\n', "lists-narrower-late": many("[1,true]") + "[2]\n",
    "scalars-null-late": many("9007199254740993") + "null\n", "scalars-text-late": many("1") + '"x"\n',
    "scalars-list-late": many("1") + "[1]\n",
    "blank-lines": "\n" * (BATCH + 5) + '{"a":1}\n' + " \n" * BATCH + '{"a":2}\n',
    "only-blank-lines": "\n" * (2 * BATCH + 1), "only-space": " " * (2 * BATCH + 1), "empty-objects": many("{}"),
    "empty-objects-then-key": many("{}") + '{"a":1}\n', "empty-lists-then-item": many("[]") + "[1]\n",
    "one-line": '{"a":"%s"}\n' % ("é" * BATCH), "one-line-no-end": '{"a":[%s1]}' % ("1234567," * (BATCH // 32)),
    "line-after-long": '{"a":"%s"}\n{"a":"y"}\n' % ("x" * 3 * BATCH),
    "all-null-then-list": many('{"a":null}') + '{"b":[1]}\n',
    "duplicate-late": many('{"a":1,"b":2}') + '{"a":"x","b":3,"a":4}\n',
    "NUL-key-late": many('{"a":1}') + '{"a\\u0000":1}\n', "empty-first": "\ufeff" + many("") + '{"a":1}\n',
    "columns-each-its-own": "".join(many('{"k%d":%d}' % (i, i)) for i in range(4)),
}


def edges():
    """A record's end, in each spelling, at each place around the first cut; texts of several bytes across it."""
    for name, end in (("LF", "\n"), ("CR", "\r"), ("CRLF", "\r\n"), ("CR-CR-LF", "\r\r\n")):
        for shift in (-2, -1, 0):
            yield f"batches-edge-{name}{shift:+}", end.join([long('"x"', BATCH + shift), '"y"', '"z"'])
    for shift in range(4):
        yield f"batches-edge-text{shift:+}", '{"a":%s"%s"}\n{"a":"y"}\n' % (" " * (BATCH - 16 + shift), "😀" * 8)
    for shift in (0, 7):
        escapes = r"\ud83d\ude00" * 4
        yield f"batches-edge-escape{shift:+}", '{"a":%s"%s"}\n{"a":"y"}\n' % (" " * (BATCH - 16 + shift), escapes)
    for size in (BATCH - 1, BATCH, BATCH + 1, 2 * BATCH):
        yield f"batches-whole-{size}", long('"x"', size)
    yield "batches-whole-text", '"%s"' % ("x" * (BATCH - 2))
    yield "batches-whole-bom", "\ufeff" + long('"x"', BATCH - 3)


def apart(text):
    """Each of its lines in a batch of its own."""
    return "".join(f"{long(line)}\n" for line in text.splitlines())


def cases():
    for name, content in FILES.items():
        yield f"batches-{name}", content
    yield from edges()
    for name, sequences in mixes(2):
        yield f"batches-mixes-of-2-first-{name}", apart(columns(sequences))
    yield "batches-scalars", apart("\n".join(value for value in CLASSES.values() if value is not MISSING))


def long_cases():
    for name, sequences in mixes(3):
        yield f"batches-mixes-of-3-first-{name}", apart(columns(sequences))
