"""What a pandas table holds of records, by the rules: which columns it has a type for, what they are when read back, and
which record is the first that does not fit. table.py compares with it.
"""
import json
import math
import re

import numpy as np
import pandas as pd

from compare import PANDAS, value_difference

MISSING = math.nan                 # the record lacks the key; `null` is None
LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def columns_of(records):
    """{label: values} of records that are all of one kind, as pandas.DataFrame has them."""
    if records and isinstance(records[0], dict):
        labels = list(dict.fromkeys(label for record in records for label in record))
        return {label: [record.get(label, MISSING) for record in records] for label in labels}
    rows = records if records and isinstance(records[0], list) else [[record] for record in records]
    width = max(map(len, rows), default=0)
    return {place: [row[place] if place < len(row) else None for row in rows] for place in range(width)}


def is_absent(value):
    return value is None or (isinstance(value, float) and math.isnan(value))


def kind_of(value):
    if is_absent(value):
        return "absent"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, (int, float)):
        big = isinstance(value, int) and not -(2**63) <= value < 2**64
        return "big" if big else "number"
    return "text" if isinstance(value, str) else "nested"


def fits(values):
    """Whether a table has a type for these values side by side."""
    kinds = {kind_of(value) for value in values}
    present = kinds - {"absent"}
    if len(present) > 1 or present & {"nested", "big"}:
        return False
    if present == {"bool"}:
        return "absent" not in kinds
    numbers = [value for value in values if kind_of(value) == "number" and isinstance(value, int)]
    return not (numbers and min(numbers) < 0 and max(numbers) >= 2**63)


def first_unfit(values):
    """The number of the first record whose value does not go with those before it."""
    return next(row for row in range(len(values)) if not fits(values[:row + 1]))


def text_of(value):
    """What is written where a column becomes text."""
    if is_absent(value) or isinstance(value, str):
        return value
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return re.sub("[\ud800-\udfff]", lambda m: f"\\u{ord(m[0]):04x}", text)


def is_wild(text):
    """Whether it holds half of a surrogate pair, which is no Unicode."""
    return LONE_SURROGATE.search(text)


def first_text(values, is_bad):
    """The number of the first record whose text is bad, if there is one."""
    return next((row for row, value in enumerate(values) if isinstance(value, str) and is_bad(value)), None)


def series_of(values):
    """The column that a table with `values`, which fit, is read back as; texts are objects."""
    present = [value for value in values if not is_absent(value)]
    if not present:
        only_null = all(value is None for value in values)
        return pd.Series([math.nan] * len(values), dtype=object if only_null else float)
    if isinstance(present[0], str):
        return pd.Series([math.nan if is_absent(value) else value for value in values], dtype=object)
    if isinstance(present[0], bool):
        return pd.Series(values, dtype=bool)
    if len(present) == len(values) and all(isinstance(value, int) for value in values):
        return pd.Series(np.array(values, dtype="uint64" if max(values) >= 2**63 else "int64"))
    return pd.Series([math.nan if is_absent(value) else float(value) for value in values], dtype=float)


def is_text(series):
    return series.dtype == object and any(isinstance(value, str) for value in series)


def column_difference(expected, ours):
    """None, or how a column differs. Texts are `str` in pandas 3; a column of missing texts only is `object`."""
    own_text = PANDAS >= (3, 0) and is_text(expected)
    dtype = "str" if own_text else expected.dtype
    if ours.dtype != dtype:
        return f"dtype {dtype} != {ours.dtype}"
    if not isinstance(expected.dtype, np.dtype) or expected.dtype.kind == "M":
        return None if expected.equals(ours) else f"{expected.tolist()} != {ours.tolist()}"
    for row, (a, b) in enumerate(zip(expected.tolist(), ours.tolist())):
        different = value_difference(a, b)
        if different:
            return f"row {row}: {different}"
    return None


def difference(expected, ours, labels):
    """None, or how the frame `ours` differs from {label: series}, whose order is that of `labels`."""
    if ours.columns.tolist() != list(labels):
        return f"columns {list(labels)!r} != {ours.columns.tolist()!r}"
    if ours.index.tolist() != list(range(len(ours))) or ours.index.dtype != "int64":
        return f"index {ours.index!r}"
    for place, label in enumerate(labels):
        if len(expected[label]) != len(ours):
            return f"{len(expected[label])} rows != {len(ours)}"
        different = column_difference(expected[label], ours.iloc[:, place])
        if different:
            return f"column {label!r}: {different}"
    return None
