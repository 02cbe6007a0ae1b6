"""Are gathered outputs what the reference makes of their sources, one behind the other, as the ledger says?

    gathered.py COLUMN SITE...

Each SITE is a folder with `history` (`h5inbox history --json`), `given` (the sources as they came) and `outbox`. COLUMN is
the one that tells where rows come from, or "". Every output must be that of jobs that are done, the rows of these must be
next to each other and be all rows, and the frame must be equal to the reference's. Prints what differs; a last line tells
how many sites, outputs and sources there were.
"""
import gzip
import json
import sys
from collections import defaultdict
from pathlib import Path

from compare import difference
from reference import Expected, read_output


def lines(source):
    opener = gzip.open if source.suffix == ".gz" else open
    with opener(source, "rt", encoding="utf-8") as f:
        return list(f)


def of_output(site, output, jobs, column):
    """None if `output` is what `jobs` say, else what differs."""
    jobs = sorted(jobs, key=lambda job: (job["first_row"] or 0, job["rows"] > 0, job["path"]))
    if any(job["first_row"] is None for job in jobs) and len(jobs) > 1:
        return "is shared by jobs that do not say where their rows begin"
    given, told, row = [], [], 0
    for job in jobs:
        if (job["first_row"] or 0) != row:
            return f"the rows of {job['path']} begin at {job['first_row']}, not at {row}"
        records = lines(site / "given" / job["path"])
        if len(records) != job["rows"]:
            return f"{job['path']} has {len(records)} records, and the ledger says {job['rows']}"
        given += records
        told += [job["path"]] * len(records)
        row += len(records)
    expected = Expected(given, (column, told) if column and told else None)
    return difference(expected, read_output(output))


def main():
    column, counts, wrong = sys.argv[1], [0, 0, 0], 0
    for site in map(Path, sys.argv[2:]):
        jobs = defaultdict(list)
        for line in (site / "history").read_text().splitlines():
            job = json.loads(line)
            if job["state"] == "done":
                jobs[Path(job["output"])].append(job)
        outputs = {path for path in (site / "outbox").rglob("*.h5") if path.read_bytes()[:4] == b"\x89HDF"}
        counts = [counts[0] + 1, counts[1] + len(outputs), counts[2] + sum(map(len, jobs.values()))]
        for output in sorted(outputs | set(jobs)):
            what = of_output(site, output, jobs[output], column) if output in outputs else "is not there"
            if what:
                wrong += 1
                print(f"{output}: {what}")
    print(*counts)
    sys.exit(wrong > 0)


main()
