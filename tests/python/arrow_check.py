"""Converts JSON lines to Feather and Parquet and compares what four readers make of them with what they have to be.

    python arrow_check.py --program H5INBOX --folder DIR [--seed S] [--n N]

The cases are those of arrow_cases.py, refused and as text (`--on-unfit`), what they have to be is said by
arrow_expected.py, and the readers are those of arrow_readers.py. Prints what differs; exit code 1 when anything does.
"""
import argparse
import re
import subprocess
import sys
from pathlib import Path

import arrow_cases
import arrow_expected
import arrow_readers


def convert(program, folder, sources, more):
    command = [program, "convert", *map(str, sources), "--outdir", str(folder), *more]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    parts = re.split(r"^error: failed to convert .*?([^/\s]+)\.json: ", done.stderr, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


def check(path, lines, as_text, refusal):
    try:
        columns = arrow_expected.table(lines, as_text)
    except arrow_expected.Refused as why:
        if path.exists():
            yield f"was converted, and has to be refused: {why}"
        return
    except arrow_expected.Unfit as why:
        expected = f"line {why.line}, "
        if path.exists() or "no type" not in refusal or not refusal.startswith(expected):
            yield f"has to be refused in {expected}column {why.column!r}, and was: {refusal or 'not'}"
        return
    no_columns = path.suffix == ".parquet" and lines and not columns
    if no_columns:
        if path.exists():
            yield "Parquet has no rows without columns, and this was converted"
    elif not path.exists():
        yield f"was refused: {refusal}"
    else:
        yield from arrow_readers.differences(path, columns, len(lines))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--n", type=int, default=60)
    arguments = parser.parse_args()
    cases = dict(arrow_cases.cases(arguments.seed, arguments.n))
    inputs = arguments.folder / "in"
    inputs.mkdir(parents=True, exist_ok=True)
    for name, lines in cases.items():
        (inputs / f"{name}.json").write_bytes("".join(f"{line}\n" for line in lines).encode())
    found, compared = 0, 0
    for format_ in ["feather", "parquet"]:
        for unfit in ["refuse", "text"]:
            outputs = arguments.folder / f"{format_}-{unfit}"
            sources = [inputs / f"{name}.json" for name in cases]
            refusals = convert(arguments.program, outputs, sources, ["--format", format_, "--on-unfit", unfit])
            for name, lines in cases.items():
                path = outputs / f"{name}.{format_}"
                compared += path.exists()
                for what in check(path, lines, unfit == "text", refusals.get(name, "")):
                    print(f"{path.name} ({unfit}): {what}")
                    found += 1
    print(f"{len(cases)} cases, {compared} outputs compared, {found} differences")
    sys.exit(1 if found or compared < len(cases) else 0)


if __name__ == "__main__":
    main()
