"""Sources of the same columns and as many rows, with other content: one's output says nothing of another's.

What an output is apart from its content is kept and used again for the next; so each kind comes several times in a row,
in other sizes, and again after another kind.
"""
import json


def lines(rows, record):
    return "".join(json.dumps(record(row)) + "\n" for row in range(rows))


# One record of each kind, for a row and the number of the source.
KINDS = {
    "numbers": lambda row, turn: {"a": row + turn, "b": row / 7 + turn, "c": row % 2 == turn % 2, "d": 2**63 + row + turn},
    "texts": lambda row, turn: {"a": "é" * (row * turn), "b": f"{turn}", "c": "x" * 300 * turn},
    "objects": lambda row, turn: {"a": [row] * turn, "b": {"k": "x" * turn}, "c": None if turn % 2 else "x", "d": turn},
    "gaps": lambda row, turn: {"n": row} | ({"a": "x" * turn, "b": 0.5} if row else {"a": None, "b": None}),
}


def repeats(row, turn):
    """Texts that repeat, in other words each turn: two turns of the same length, then two of another."""
    return {"a": f"some text {turn} {'x' * (turn // 2)} {row % 3}", "b": ["left", "right", None][(row + turn) % 3]}


def many_texts(columns, turn):
    """More columns of text than share a heap."""
    return json.dumps({f"k{column}": "x" * (turn + column % 5) for column in range(columns)}) + "\n"


def cases():
    for turn in range(5):
        for kind, record in KINDS.items():
            for rows in (1, 3, 20):
                yield f"layout-{kind}-{rows}-{turn}", lines(rows, lambda row: record(row, turn))
    for turn in range(4):
        for rows in (200, 9000):
            yield f"layout-repeats-{rows}-{turn}", lines(rows, lambda row: repeats(row, turn))
    for turn in range(2):
        yield f"layout-many-texts-{turn}", many_texts(1100, turn)
