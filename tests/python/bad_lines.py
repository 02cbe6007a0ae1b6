"""Which lines of a source are bad, and why, as Python sees it: the oracle of bad_records.py.

The rule of `skip`, in the order of its reasons: a line that is no JSON within the limits; another kind of line than the
first good one; a value that does not fit its hint; a lone surrogate in a column of text; a point in time with a zone where
the first has none, or the other way round; a row without a column that takes no missing value. What a bad line holds counts
for no other line.
"""
import json
import math
import re
from datetime import datetime
from typing import NamedTuple

SURROGATE = re.compile("[\ud800-\udfff]")
ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}(:[0-9]{2}(:[0-9]{2})?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?)?")
DEPTH, RECORD_BYTES = 512, 1 << 20


class Line(NamedTuple):
    number: int
    start: int
    text: bytes


def lines_of(raw):
    """Every line that is not blank."""
    at = 3 if raw.startswith(b"\xef\xbb\xbf") else 0
    number = 0
    for match in re.compile(rb"([^\r\n]*)(\r\n|\r|\n|\Z)").finditer(raw, at):
        number += 1
        if match[1].strip(b" \t"):
            yield Line(number, match.start(), match[1])


def items_of(raw):
    """The items of an array that has each on a line of its own, its brackets on others."""
    for line in lines_of(raw):
        if line.text not in (b"[", b"]"):
            yield line._replace(text=line.text.removesuffix(b","))


def depth_of(text):
    deepest = level = 0
    if text.count("[") + text.count("{") <= DEPTH:
        return 0
    for bracket in re.sub(r'"(\\.|[^"\\])*"', "", text):
        level += (bracket in "[{") - (bracket in "]}")
        deepest = max(deepest, level)
    return deepest


def parse(line):
    """(value, None), or (None, (code, column, place in the line or None))."""
    if len(line.text) > RECORD_BYTES:
        return None, ("limit_record_bytes", None, None)
    try:
        text = line.text.decode("utf-8")
    except UnicodeDecodeError as e:
        return None, ("bad_utf8", None, e.start)
    if depth_of(text) > DEPTH:
        return None, ("limit_depth", None, None)
    try:
        value = json.loads(text)
    except ValueError as e:
        return None, ("bad_json", None, place(text, e))
    return value, None


def wild_key(value):
    """The first key with a lone surrogate, as it is told."""
    keys = value if isinstance(value, dict) else ()
    return next((SURROGATE.sub("\ufffd" * 3, key) for key in keys if SURROGATE.search(key)), None)


def place(text, error):
    """The byte at which Python found the error, where both of us mean the same place."""
    same = ("Expecting value", "Expecting ',' delimiter", "Expecting ':' delimiter", "Extra data", "Invalid control character")
    if isinstance(error, json.JSONDecodeError) and error.msg.startswith(same):
        return len(text[:error.pos].encode("utf-8"))
    return None


def fits(value, hint):
    if hint == "int64":
        if isinstance(value, float):
            return value.is_integer() and abs(value) < 2**63
        if isinstance(value, str):
            return bool(re.fullmatch("[+-]?[0-9]+", value)) and -(2**63) <= int(value) < 2**63
        return type(value) is int and -(2**63) <= value < 2**63
    if value is None:
        return True
    if hint == "float64":
        return type(value) in (int, float) and (type(value) is float or abs(value) < 10**300)
    return isinstance(value, str) and moment(value) is not None


def moment(text):
    """The point in time that an ISO text names, if it does."""
    try:
        return datetime.fromisoformat(text) if ISO.fullmatch(text) else None
    except ValueError:
        return None


def kind(value):
    return type(value) if isinstance(value, (dict, list)) else None


def cells(value):
    return value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else [(0, value)]


def judge(lines, types):
    """The good ones of `lines`, and {line number: (line, code, column, place)} of the bad ones."""
    good, bad = {}, {}
    for line in lines:
        value, reason = parse(line)
        if reason:
            bad[line.number] = (line, *reason)
        else:
            good[line.number] = (line, value)
    while True:
        first = next((value for _, value in good.values() if wild_key(value) is None), None)
        found = {n: ("mixed_lines", None) for n, (_, value) in good.items() if kind(value) is not kind(first)}
        wild = {n: ("lone_surrogate", wild_key(value)) for n, (_, value) in good.items() if wild_key(value) is not None}
        found = wild | found
        same = {n: value for n, (_, value) in good.items() if n not in found}
        misfits = dict(value_misfits(same, types))
        # A misfit may be the very line that said of which kind the others must be.
        found = misfits or found
        for rule in (wild_texts, other_zones, lacking):
            found = found or dict(rule(same, types))
        if not found:
            return [line for line, _ in good.values()], bad
        for number, (code, column) in found.items():
            bad[number] = (good.pop(number)[0], code, column, None)


def value_misfits(values, types):
    for number, value in values.items():
        for label, cell in cells(value):
            hint = types.get(str(label))
            # NaN is the same as no value at all.
            if hint and not (isinstance(cell, float) and math.isnan(cell)) and not fits(cell, hint):
                yield number, ("type_misfit", str(label))
                break


def wild_texts(values, types):
    texts, others = {}, set()
    for value in values.values():
        for label, cell in cells(value):
            if isinstance(cell, str):
                texts.setdefault(label, True)
            elif cell is not None and cell == cell:
                others.add(label)
    for number, value in values.items():
        for label, cell in cells(value):
            if isinstance(cell, str) and label not in others and SURROGATE.search(cell):
                yield number, ("lone_surrogate", str(label))
                break


def other_zones(values, types):
    zones = {}
    for number, value in values.items():
        for label, cell in cells(value):
            if types.get(str(label)) == "datetime" and isinstance(cell, str):
                zoned = moment(cell).tzinfo is not None
                if zones.setdefault(label, zoned) != zoned:
                    yield number, ("type_misfit", str(label))
                    break


def lacking(values, types):
    present = {str(label) for value in values.values() for label, _ in cells(value)}
    needed = [label for label, hint in types.items() if hint == "int64" and label in present]
    for number, value in values.items():
        have = {str(label): cell for label, cell in cells(value)}
        for label in needed:
            if label not in have or have[label] != have[label]:
                yield number, ("type_misfit", label)
                break
