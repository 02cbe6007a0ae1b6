"""Whether outputs hold what the reference gives.

    python check.py SOURCE.json OUTPUT.h5|OUTPUT.feather|OUTPUT.parquet

prints {"wrong": null} or {"wrong": what is different}. HDF5 is compared as the tests do, strictly: the frame that
`read_hdf` gives from the output and from the reference's. Feather has no reference; its values must be those of the
records, a missing key and null being the same.
"""
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/python"))


def hdf5_difference(source, output):
    from compare import difference
    from reference import Expected, read_output
    return difference(Expected(source), read_output(output))


def without_nulls(value):
    if isinstance(value, dict):
        return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [without_nulls(inner) for inner in value]
    return value


def arrow_table(output):
    if output.suffix == ".feather":
        import pyarrow.feather as feather
        return feather.read_table(output)
    import pyarrow.parquet as parquet
    return parquet.read_table(output)


def arrow_difference(source, output):
    ours = arrow_table(output).to_pylist()
    with open(source, encoding="utf-8") as file:
        expected = [json.loads(line) for line in file]
    if len(ours) != len(expected):
        return f"{len(expected)} records != {len(ours)}"
    for row, (a, b) in enumerate(zip(expected, ours)):
        a, b = without_nulls(a), without_nulls(b)
        for key in [*a, *b]:
            if a.get(key) != b.get(key):
                return f"row {row}: column {key}: {a.get(key)!r} != {b.get(key)!r}"[:160]
    return None


def main(source, output):
    compare = hdf5_difference if output.suffix == ".h5" else arrow_difference
    print(json.dumps({"wrong": compare(source, output)}))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
