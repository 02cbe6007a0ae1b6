"""Keys that few records have: long runs of records without them, before, between and behind those with one.

A run of sixteen and more is not stored cell by cell; the frame must not show which were.
"""
from cases_dtypes import KINDS, MISSING, mixes

# How many records without the key come before each with it.
RUNS = {
    "first-late": [40, 0, 0, 0, 0], "apart": [0, 16, 16, 16, 16], "nearly": [15, 15, 15, 15, 15], "mixed": [100, 3, 17, 0, 300],
}
ROWS = 700


def rows_of(runs, values):
    """By row, the value of the key: the values in turn, one behind each run."""
    row, rows = 0, {}
    for number, run in enumerate(runs):
        row += run
        rows[row] = values[number % len(values)]
        row += 1
    return rows


def records(columns, rows=ROWS):
    """Records with a key of their own each, and the columns' values where they have one."""
    for row in range(rows):
        members = [f'"{name}":{cells[row]}' for name, cells in columns.items() if cells.get(row, MISSING) is not MISSING]
        yield "{%s}\n" % ",".join([f'"row":{row}', *members])


def cases():
    for name, runs in RUNS.items():
        columns = {kind: rows_of(runs, values) for kind, values in KINDS.items() if values}
        yield f"rare-keys-{name}", "".join(records(columns))
    for kind, values in KINDS.items():
        if values:
            yield f"rare-keys-alone-{kind}", "".join(records({"key": rows_of(RUNS["mixed"], values)}))
    for first, sequences in mixes(2):
        columns = {f"mix{n}": rows_of([20, 40], values) for n, values in enumerate(sequences)}
        yield f"rare-keys-mixes-first-{first}", "".join(records(columns, 100))
    yield "rare-keys-each-its-own", "".join('{"k%d":%d}\n' % (row, row) for row in range(300))
    yield "rare-keys-each-its-own-text", "".join('{"k%d":"%d"}\n' % (row, row) for row in range(200))
    twice = "".join('{"k%d":1,"j%d":"x","k%d":%d}\n' % (row % 50, row % 70, row % 50, row) for row in range(200))
    yield "rare-keys-twice", twice
    # Taken back: a record that the first parser leaves to the next one, with new keys and old ones behind a run.
    wild = "".join('{"a%d":1,"b\\u0041":%d,"c%d":18446744073709551616}\n' % (row % 40, row, row % 90) for row in range(300))
    yield "rare-keys-escaped", wild
    lists = "".join("[%s]\n" % ",".join("1" * (1 + 30 * (row % 37 == 36))) for row in range(200))
    yield "rare-positions", lists
