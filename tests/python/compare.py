"""Strict equality of our frame and the reference's: what `assert_frame_equal` lets pass (True for 1 or None for NaN in an
object column, the key order of a dict, the sign of a zero, 0 for '0' as a label) is a difference here.
"""
import math
import struct

import pandas as pd

# The rules are those of pandas 3.1. Where older ones make something else of the same lines, it says so below.
PANDAS = tuple(map(int, pd.__version__.split(".")[:2]))


def shown(value):
    try:
        return ascii(value)[:60]
    except RecursionError:
        return "(deeply nested)"


def bits(number):
    """A float's bits; every NaN is the same NaN, because JSON and a missing key know only one."""
    return None if math.isnan(number) else struct.pack("<d", number)


def value_difference(expected, ours):
    """None when two Python values are the same down to types, signs of zero and key order. Nesting may be deep."""
    pending = [(expected, ours)]
    while pending:
        a, b = pending.pop()
        if type(a) is not type(b):
            return f"{type(a).__name__} {shown(a)} != {type(b).__name__} {shown(b)}"
        if isinstance(a, float):
            same = bits(a) == bits(b)
        elif isinstance(a, dict):
            same = list(a) == list(b)
            pending.extend((a[key], b[key]) for key in a if same)
        elif isinstance(a, list):
            same = len(a) == len(b)
            pending.extend(zip(a, b))
        else:
            same = a == b
        if not same:
            return f"{shown(a)} != {shown(b)}"
    return None


def same_dtype(expected, ours):
    """Whether two indexes have the same dtype; pandas before 3 gives an empty one any."""
    return expected.dtype == ours.dtype or (PANDAS < (3, 0) and len(expected) == 0)


def labels_difference(candidates, ours):
    """None when our labels are those of one of the reference's two indexes, types included."""
    for index in candidates:
        if same_dtype(index, ours) and value_difference(list(index), list(ours)) is None:
            return None
    return f"labels {shown(list(candidates[0]))} {candidates[0].dtype} != {shown(list(ours))} {ours.dtype}"


def exact_integers(expected, position):
    """A column's values as parsed, if some are integers beyond 64 bits, else None."""
    label, first = expected.labels[position], expected.data[0]
    if isinstance(first, dict):
        values = [record.get(label, math.nan) for record in expected.data]
    elif isinstance(first, list):
        values = [record[position] if position < len(record) else None for record in expected.data]
    else:
        values = expected.data
    found = any(type(x) is int and not -(2**63) <= x < 2**63 for x in values)
    return pd.Series(values, dtype=object) if found else None


def columns_by_the_rules(expected, ours):
    """The reference's columns as pandas 3.1 has them. Before, integers beyond 64 bits were rounded to floats when a null
    came before them; columns of nulls only are then without an object column beside them, and pandas 3.0 reads text."""
    columns = [expected.frame.iloc[:, position] for position in range(expected.frame.shape[1])]
    if PANDAS >= (3, 1):
        return columns
    suspects = [p for p, theirs in enumerate(columns) if theirs.dtype == float and ours.iloc[:, p].dtype == object]
    exact = {p: values for p in suspects if (values := exact_integers(expected, p)) is not None}
    nulls = pd.Series([None] * len(expected.frame), dtype=object)
    return [
        exact.get(p, nulls if exact and theirs.dtype == "str" and theirs.isna().all() else theirs)
        for p, theirs in enumerate(columns)
    ]


def column_difference(expected, ours):
    if expected.dtype != ours.dtype:
        return f"dtype {expected.dtype} != {ours.dtype}"
    # `tolist` gives Python values, of a numeric column as of a text column, and an object column's own values.
    for row, (a, b) in enumerate(zip(expected.tolist(), ours.tolist())):
        different = value_difference(a, b)
        if different:
            return f"row {row}: {different}"
    return None


def difference(expected, ours):
    """None when our frame equals the reference's, else one line, the reference's side first."""
    frame = expected.frame
    if not isinstance(ours, pd.DataFrame):
        return f"not a DataFrame but {type(ours).__name__}"
    if frame.shape != ours.shape:
        return f"shape {frame.shape} != {ours.shape}"
    # Reading back loses a NUL at the end of a label, and before pandas 3.1 takes the label `nan` for a missing one.
    # Keeping the label is no difference.
    different = labels_difference([frame.columns, expected.labels], ours.columns)
    if different:
        return different
    if not same_dtype(frame.index, ours.index) or list(frame.index) != list(ours.index):
        return f"index {frame.index!r} != {ours.index!r}"
    for position, theirs in enumerate(columns_by_the_rules(expected, ours)):
        different = column_difference(theirs, ours.iloc[:, position])
        if different:
            return f"column {shown(frame.columns[position])}: {different}"
    return None
