"""Texts that repeat, which a pickle says once and refers to: few and many of them, beside null, missing and others."""
from cases_dtypes import members

TEXTS = ["", "a", "nan", "None", "NaN", "é", "\U0001f600", "x" * 255, "y" * 256, "z" * 70000]


def quoted(text):
    return '"%s"' % text


def column(count, texts, others=()):
    """So many rows of `t`: the texts in turn, and each of the others (a JSON value) now and then."""
    for row in range(count):
        value = quoted(texts[row % len(texts)])
        for number, other in enumerate(others):
            if row % (7 + 4 * number) == 3:
                value = other
        yield members([("row", row), ("t", value)])


def numbers(count):
    return [f"text number {number}" for number in range(count)]


def cases():
    yield "repeats-texts-of-every-length", "".join(column(60, TEXTS))
    for count in (1, 2, 255, 256, 257, 300, 1000, 1025):
        yield f"repeats-of-{count}", "".join(column(4 * count, numbers(count)))
    for name, others in {
        "null": ["null"], "missing": [None], "NaN": ["NaN"], "null-and-missing": ["null", None], "int": ["1"],
        "list": ["[1]"], "huge": ["18446744073709551616"], "other-kinds": ["true", "1.5", "{}", "null"],
        "surrogate-inside-list": ['["\\ud800"]'],
    }.items():
        yield f"repeats-and-{name}", "".join(column(300, numbers(5), others))
    yield "repeats-late-list", "".join(column(300, numbers(5))) + '{"row":1,"t":[1]}\n'
    yield "repeats-late-surrogate", "".join(column(300, numbers(5))) + '{"row":1,"t":"\\ud800"}\n'
    yield "repeats-all-the-same", "".join(column(2000, ["same"]))
    yield "repeats-escaped", "".join(column(300, ["a\\n", "\\u00e9", "\\\\", '\\"']))
    yield "repeats-beside-repeats", "".join(
        members([(key, quoted(f"{key} {row % count}")) for key, count in (("a", 2), ("b", 40), ("c", 290))])
        for row in range(900))
    # More than a batch: the texts of each come in another order, some are new, some parts have hardly any that repeat.
    parts = [column(20000, numbers(300)), column(20000, numbers(600)[::-1]), column(20000, numbers(20000)),
             column(20000, numbers(3), ["null"])]
    yield "repeats-over-batches", "".join("".join(part) for part in parts)
    yield "repeats-of-lists", "".join('["%s","%s",%d]\n' % ("ab"[row % 2], "xyz"[row % 3], row) for row in range(400))
    twice = "".join('{"t":"gone %d","t":"%s"}\n' % (row, "ab"[row % 2]) for row in range(200))
    yield "repeats-taken-back", twice
