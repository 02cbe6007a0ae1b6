"""One shape, all contestants: their outputs checked on a sample, then timed in turns, each round one run of each."""
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

HERE = Path(__file__).resolve().parent
SLOW = 5.0            # seconds after which once is enough
PATIENCE = 1800       # seconds after which a run is given up
SAMPLE_LINES = 5_000


class Failed(Exception):
    """A run that gave nothing; the message is the reason, in one line."""


@dataclass
class Contestant:
    """Somebody who takes a folder of sources to a folder of outputs. `command` gives the command for the two."""
    key: str
    label: str
    kind: str                         # hdf5, feather, parquet, parse or floor
    command: Callable
    times_itself: bool = True         # prints {"seconds": …, "cpu": …}; else the whole process counts
    seconds: list = field(default_factory=list)
    cpu: list = field(default_factory=list)
    output_bytes: int = 0
    fails: str | None = None
    wrong: str | None = None

    @property
    def best(self):
        return min(self.seconds, default=None)

    def wants_a_run(self, rounds):
        slow = self.times_itself and self.seconds and self.best > SLOW
        return not self.fails and len(self.seconds) < rounds and not slow

    def result(self):
        return {"key": self.key, "label": self.label, "kind": self.kind, "seconds": self.best, "runs": self.seconds,
                "cpu": min(self.cpu, default=None), "output_bytes": self.output_bytes, "fails": self.fails,
                "wrong": self.wrong}


def last_words(said):
    """The line of an error's output that tells most: the last one, without a traceback's or our own marks."""
    lines = [line.strip() for line in said.splitlines() if line.strip() and "failures" not in line]
    return (lines[-1] if lines else "no word")[:160]


def called(command):
    """Standard output of a command that must go well."""
    try:
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        raise Failed(f"gave nothing in {PATIENCE} s") from None
    if done.returncode < 0:
        raise Failed(f"killed by signal {-done.returncode}")
    if done.returncode:
        raise Failed(last_words(done.stderr))
    return done.stdout


def spent():
    """The clock, and the processor time of all processes that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter(), usage.ru_utime + usage.ru_stime


def run(contestant, source, output):
    """Seconds, and seconds of processor time, of one run into a new folder `output`."""
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    before = spent()
    said = called(contestant.command(source, output))
    seconds, cpu = (now - then for now, then in zip(spent(), before))
    if not contestant.times_itself:
        return seconds, cpu
    own = json.loads(said.splitlines()[-1])
    return own["seconds"], own["cpu"]


def size_of(folder):
    return sum(entry.stat().st_size for entry in os.scandir(folder) if entry.is_file())


def take_sample(source, folder):
    """The first records of the first file."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(min(source.glob("*.json")), "rb") as whole, open(folder / "sample.json", "wb") as sample:
        sample.writelines(islice(whole, SAMPLE_LINES))
    return folder


def check(contestant, sample, output):
    """Notes what is wrong with the output for `sample`, or why there is none."""
    try:
        run(contestant, sample, output)
        if contestant.kind in ("hdf5", "feather", "parquet"):
            made = output / ("sample.h5" if contestant.kind == "hdf5" else f"sample.{contestant.kind}")
            verdict = called([sys.executable, HERE / "check.py", sample / "sample.json", made])
            contestant.wrong = json.loads(verdict)["wrong"]
    except Failed as failed:
        contestant.fails = str(failed)


def into_cache(source):
    """Reads the files, so that every contestant finds them in the page cache; returns files, bytes and records."""
    files = sorted(source.glob("*.json"))
    records = sum(file.read_bytes().count(b"\n") for file in files)
    return {"files": len(files), "bytes": size_of(source), "records": records}


def hold(contestants, source, scratch, rounds):
    """Checks and times all; what the inputs were and what came out. The floor comes after us, who tell it how much to
    write.
    """
    sample = take_sample(source, scratch / "sample")
    for contestant in contestants:
        check(contestant, sample, scratch / "out")
    inputs = into_cache(source)
    for _ in range(rounds):
        for contestant in contestants:
            if contestant.wants_a_run(rounds):
                time_one(contestant, source, scratch / "out")
    shutil.rmtree(scratch, ignore_errors=True)
    return inputs | {"results": [contestant.result() for contestant in contestants]}


def time_one(contestant, source, output):
    try:
        seconds, cpu = run(contestant, source, output)
        contestant.seconds.append(seconds)
        contestant.cpu.append(cpu)
        contestant.output_bytes = size_of(output)
        print(f"  {contestant.label}: {seconds:.3f} s, {cpu:.3f} s of processors", file=sys.stderr, flush=True)
    except Failed as failed:
        contestant.fails = str(failed)
    shutil.rmtree(output, ignore_errors=True)


def ours(h5inbox, workers, form="hdf5"):
    def command(source, output):
        return [h5inbox, "convert", source, "--outdir", output, "--workers", workers, "--format", form]
    return Contestant("h5inbox" if form == "hdf5" else f"h5inbox_{form}", "h5inbox", form, command, times_itself=False)


def peer(name, label, kind, processes):
    def command(source, output):
        return [sys.executable, HERE / "peers.py", name, processes, source, output]
    return Contestant(f"{name}:{processes}", label, kind, command)


def floor(model, threads):
    """`model` is the contestant whose outputs say how much is to be written."""
    def command(source, output):
        ratio = model.output_bytes / max(1, size_of(source))
        return [sys.executable, HERE / "floor.py", ratio, threads, source, output]
    return Contestant("floor", "read the input, write as many bytes", "floor", command)
