"""Hand-written cases, each named after the rule it guards.

    python cases.py DIR [KIND …] [--long]

Writes DIR/NAME.json, byte for byte, and DIR/NAME.expect where we deliberately do otherwise than the reference: all
kinds, or those named. With --long also those that are too many for each run of the tests.
"""
import argparse
from pathlib import Path

import cases_batches
import cases_documents
import cases_dtypes
import cases_layouts
import cases_lines
import cases_rare
import cases_repeats
import cases_rows
import cases_values
import json_suite
import shapes
from sidecar import write

KINDS = {
    "lines": cases_lines, "documents": cases_documents, "rows": cases_rows, "rare": cases_rare,
    "repeats": cases_repeats, "dtypes": cases_dtypes, "values": cases_values, "layouts": cases_layouts,
    "batches": cases_batches, "shapes": shapes, "json": json_suite,
}


def of(kind, long):
    module = KINDS[kind]
    yield from module.cases()
    if long and hasattr(module, "long_cases"):
        yield from module.long_cases()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--long", action="store_true")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    names = set()
    for kind in arguments.kinds or KINDS:
        before = len(names)
        for name, content in of(kind, arguments.long):
            assert name.lower() not in names, f"two cases called {name}"
            names.add(name.lower())
            write(arguments.folder, name, content)
        print(f"{len(names) - before} cases of {kind}")


if __name__ == "__main__":
    main()
