"""What a table of Arrow has to be of JSON lines, by Python's json and the rules in docs/format-feather.md.

`table(lines)` gives the columns in order, each a `Column`, or raises `Unfit` with the column and the number of the first
line that does not go with those before it. Nothing here knows how the program works.
"""
import json
import math
import re
from dataclasses import dataclass

MOST_LEVELS = 16
MISSING = object()


class Unfit(Exception):
    """A column has no type; `line` counts from 1."""

    def __init__(self, column, line):
        super().__init__(f"{column!r} in line {line}")
        self.column, self.line = column, line


class Refused(Exception):
    """The source is refused in any format."""


class NoType(Exception):
    """Values have no type together."""


@dataclass
class Column:
    name: str
    type: object          # a word, ("list", type) or ("struct", [(name, type), ...])
    values: list


def table(lines, as_text=False):
    records = [json.loads(line) for line in lines]
    names = list(dict.fromkeys(name for record in records for name in record))
    refuse_surrogates(names, records)
    columns = []
    for name in names:
        values = [record.get(name, MISSING) for record in records]
        try:
            columns.append(Column(name, *whole_column(values)))
        except NoType:
            if not as_text:
                raise Unfit(name, first_unfit(values)) from None
            if any(isinstance(value, str) and wild(value) for value in values):
                raise Refused(name) from None
            columns.append(Column(name, "string", [text_of(value) for value in values]))
    return columns


def wild(text):
    return re.search("[\ud800-\udfff]", text) is not None


def refuse_surrogates(names, records):
    """A key is a column's name, and a column of text is text, in every format."""
    stripped = [name.rstrip("\0") for name in names]
    if any(map(wild, names)) or len(set(stripped)) < len(stripped):
        raise Refused("names")
    for name in names:
        values = [record[name] for record in records if not absent(record.get(name))]
        if values and all(isinstance(value, str) for value in values) and any(map(wild, values)):
            raise Refused(name)


def absent(value):
    return value is None or value is MISSING or (isinstance(value, float) and math.isnan(value))


def first_unfit(values):
    """Rows only add to what speaks against a type. Of values of different kinds nobody looks at what is inside them."""
    if not {kind(value) for value in values if not absent(value)} <= {"list", "struct"}:
        values = [[] if isinstance(value, (list, dict)) else value for value in values]
    return next(n for n in range(1, len(values) + 1) if not fits(values[:n]))


def fits(values):
    try:
        whole_column(values)
        return True
    except NoType:
        return False


def whole_column(values):
    """The type of a column, and its values as any reader has to give them."""
    present = [value for value in values if not absent(value)]
    if not present:
        null_only = all(value is None for value in values)
        return ("string" if null_only else "double"), [None] * len(values)
    found = type_of(values, top=True)
    return found, [converted(value, found) for value in values]


def kind(value):
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, (int, float)):
        return "number"
    return {str: "text", list: "list", dict: "struct"}[type(value)]


def type_of(values, top=False, level=0):
    values = [value for value in values if not absent(value)]
    kinds = {kind(value) for value in values}
    if len(kinds) > 1:
        raise NoType
    match kinds.pop() if kinds else None:
        case None:
            return "string"
        case "bool":
            return "bool"
        case "number":
            return number(values, top)
        case "text":
            if not top and any(map(wild, values)):
                raise NoType
            return "string"
        case "list":
            if level == MOST_LEVELS and any(values):
                raise NoType
            return "list", type_of([item for value in values for item in value], level=level + 1)
        case "struct":
            return struct(values, level)


def number(values, top):
    integers = [value for value in values if isinstance(value, int)]
    if any(not -2**63 <= value < 2**64 for value in integers):
        raise NoType
    if any(value < 0 for value in integers) and any(value >= 2**63 for value in integers):
        raise NoType
    if len(integers) < len(values):
        if not top and any(int(float(value)) != value for value in integers):
            raise NoType
        return "double"
    return "uint64" if max(integers) >= 2**63 else "int64"


def struct(values, level):
    if level == MOST_LEVELS and any(values):
        raise NoType
    names = list(dict.fromkeys(name for value in values for name in value))
    if any(map(wild, names)):
        raise NoType
    if not names:
        return "string"
    return "struct", [(n, type_of([v[n] for v in values if n in v], level=level + 1)) for n in names]


def converted(value, type_):
    if absent(value):
        return None
    if type_ == "double":
        return float(value)
    if isinstance(type_, tuple) and type_[0] == "list":
        return [converted(item, type_[1]) for item in value]
    if isinstance(type_, tuple):
        return {name: converted(value.get(name), member) for name, member in type_[1]}
    return "{}" if isinstance(value, dict) else value


def text_of(value):
    """A value of a column that has become text."""
    if absent(value):
        return None
    if isinstance(value, str):
        return value
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return re.sub("[\ud800-\udfff]", lambda m: f"\\u{ord(m[0]):04x}", text)
