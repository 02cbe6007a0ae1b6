"""The benchmark: h5inbox against the script it replaces and against other tools, in one session on this machine.

    python run.py --h5inbox BINARY --folder FOLDER [--scale 0.1] [--big] [--shapes …] [--parts …] [--rounds 3] …

Data are made once and kept under FOLDER/data-*. Results go to FOLDER/results.json, the report to FOLDER/report.md and
FOLDER/bench.svg, and with --readme README.md also between that file's markers and into docs/ beside it.
"""
import argparse
import hashlib
import json
import os
import shutil
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import agent
import big
import contest
import machine
import plot
import report
import shapes

POOLED = ["reference", "pandas_read_json", "reference_ujson", "reference_orjson", "duckdb", "polars", "pyarrow"]
LABELS = {"reference": "the script", "pandas_read_json": "pandas.read_json", "reference_ujson": "script with ujson",
          "reference_orjson": "script with orjson"}
SMALL_PEERS = ["reference", "reference_orjson", "polars", "pyarrow"]
HUGE = 4 << 30
ENORMOUS_COLUMN = 2 << 30


class Session:
    """What was asked for, and where things are."""

    def __init__(self, asked):
        self.h5inbox, self.scale, self.rounds, self.peers = asked.h5inbox, asked.scale, asked.rounds, asked.peers
        self.shapes, self.big, self.cores = asked.shapes, asked.big, machine.cores()
        code = hashlib.sha256(Path(shapes.__file__).read_bytes()).hexdigest()[:8]
        self.data, self.scratch = asked.folder / f"data-{code}-{asked.scale:g}", asked.folder / "scratch"
        remove_outdated(asked.folder, code)
        shutil.rmtree(self.scratch, ignore_errors=True)

    def shape(self, name):
        shapes.make(self.data, self.scale, [name])
        return self.data / name

    def scaled(self, count, least):
        return max(least, round(count * min(1, self.scale)))

    def wanted(self, names):
        return [name for name in names if not self.peers or name in self.peers]

    def main_shape(self):
        """The stock data, or whatever shape comes first."""
        return self.shape("stock" if "stock" in self.shapes else self.shapes[0])

    def one_file(self, size=1):
        """The main shape as one file, several times if it has to have `size` bytes."""
        source = self.main_shape()
        return big.joined(source, self.data / "joined" / f"{source.name}-{size}.json", size)


def remove_outdated(folder, code):
    """Data of other versions of shapes.py."""
    for found in folder.glob("data-*"):
        if not found.name.startswith(f"data-{code}-"):
            shutil.rmtree(found)


def formats(h5inbox):
    """The formats that this h5inbox can write, and that can be checked here."""
    described = contest.called([h5inbox, "convert", "--help"])
    known = ["hdf5", "feather", "parquet"] if find_spec("pyarrow") else ["hdf5"]
    return [form for form in known if form in described]


def pooled(session, names):
    """These peers, as far as they are wanted, in as many processes as there are cores."""
    labels = {name: f"{LABELS.get(name, name)}, {session.cores} processes" for name in session.wanted(names)}
    return [contest.peer(name, label, "hdf5", session.cores) for name, label in labels.items()]


def contestants(session):
    """Everybody for one shape, in the order of a round."""
    first = contest.ours(session.h5inbox, session.cores)
    everybody = [first, contest.floor(first, session.cores)]
    everybody += [contest.peer(name, "the script, one process", "hdf5", 1) for name in session.wanted(["reference"])]
    everybody += pooled(session, POOLED)
    written = [form for form in formats(session.h5inbox) if form != "hdf5"]
    everybody += [contest.ours(session.h5inbox, session.cores, form) for form in written]
    for tool in session.wanted(["polars", "pyarrow"]):
        label = f"{tool}, {session.cores} processes"
        everybody += [contest.peer(f"{tool}_{form}", label, form, session.cores) for form in ("feather", "parquet")]
        everybody.append(contest.peer(f"{tool}_parse", f"{tool}, parsing alone, its own threads", "parse", 1))
    return everybody


def run_shapes(session):
    found = {}
    for name in session.shapes:
        source = session.shape(name)
        print(f"shape {name}", file=sys.stderr, flush=True)
        found[name] = contest.hold(contestants(session), source, session.scratch, session.rounds)
    return found


def run_small(session):
    """Many small files. The peers, which write a megabyte for each, get a tenth of them."""
    source, tenth = session.shape("small"), session.data / "small-tenth"
    files = sorted(source.glob("*.json"))
    tenth.mkdir(exist_ok=True)
    for file in files[::10]:
        shutil.copy(file, tenth / file.name)
    rivals = [contest.ours(session.h5inbox, session.cores), *pooled(session, SMALL_PEERS)]
    peers = contest.hold(rivals, tenth, session.scratch, session.rounds)
    converted = big.measure(session.h5inbox, source, session.scratch, [session.cores], session.rounds)
    with agent.Agent(session.h5inbox, session.scratch / "agent") as running:
        dropped = agent.drop_all(running, files)
    alone = {"files": len(files), "seconds": converted["seconds"][str(session.cores)]}
    return {"peers": peers, "convert": alone, "agent": dropped}


def quotes(records):
    return "".join(json.dumps(shapes.quote(shapes.random.Random(0), number)) + "\n" for number in range(records))


def run_latency(session):
    with agent.Agent(session.h5inbox, session.scratch / "agent") as running:
        return agent.latencies(running, quotes(100), session.scaled(200, 10))


def run_idle(session):
    """The files are converted without waiting for the disk, which the idle agent does not know."""
    folder = session.scratch / "agent"
    with agent.Agent(session.h5inbox, folder, durable=False) as running:
        agent.fill(running, quotes(1), session.scaled(100_000, 50))
    with agent.Agent(session.h5inbox, folder) as running:
        return agent.idleness(running, session.scaled(120, 1))


def run_memory(session):
    """Peak memory of one file with two workers, as the target has it."""
    sources, workers = {"one file": session.one_file()}, [min(2, session.cores)]
    if session.big:
        sources["one file of 4 GiB"] = session.one_file(HUGE)
        sources["one column of text"] = shapes.one_text_column(session.data / "joined/text.json", ENORMOUS_COLUMN)
    return {name: big.measure(session.h5inbox, source, session.scratch, workers, 1) for name, source in sources.items()}


def run_scaling(session):
    """1, 2, 4 … workers, up to one a core."""
    workers = sorted({session.cores, *(1 << n for n in range(session.cores.bit_length()))})
    sources = {"many files": session.main_shape(), "one file": session.one_file(HUGE if session.big else 1)}
    return {what: big.measure(session.h5inbox, source, session.scratch, workers, session.rounds)
            for what, source in sources.items()}


PARTS = {"shapes": run_shapes, "small": run_small, "latency": run_latency, "idle": run_idle, "memory": run_memory,
         "scaling": run_scaling}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--h5inbox", required=True, help="the optimised binary")
    parser.add_argument("--folder", required=True, type=Path, help="for data and results; on the disk to be measured")
    parser.add_argument("--scale", type=float, default=1.0, help="1 is the size that results are published for")
    parser.add_argument("--big", action="store_true", help="also a file of 4 GiB and a column of 2 GiB of text")
    everywhere = [name for name in shapes.NAMES if name != "small"]
    parser.add_argument("--shapes", nargs="+", choices=everywhere, default=everywhere)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--peers", nargs="+", help="only these of the peers")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--readme", type=Path, help="note the results in this file; wants all parts")
    asked = parser.parse_args()
    if asked.readme and set(asked.parts) != set(PARTS):
        parser.error("--readme wants all parts")
    return asked


def main():
    asked = arguments()
    asked.folder = asked.folder.resolve()
    session, neighbours = Session(asked), machine.Neighbours()
    results = {"machine": machine.description(session.h5inbox), "scale": asked.scale, "rounds": asked.rounds}
    for part in asked.parts:
        print(f"== {part}", file=sys.stderr, flush=True)
        begun = time.perf_counter()
        try:
            results[part] = PARTS[part](session)
        except contest.Failed as failed:
            print(f"not measured: {failed}", file=sys.stderr, flush=True)
        print(f"   took {time.perf_counter() - begun:.0f} s", file=sys.stderr, flush=True)
        shutil.rmtree(session.scratch, ignore_errors=True)
        results["neighbours"] = neighbours.share()
        (asked.folder / "results.json").write_text(json.dumps(results, indent=1))
    report.publish(results, asked.folder, asked.readme)


if __name__ == "__main__":
    main()
