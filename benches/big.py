"""One big file: peak memory, and how far more workers help."""
import os
import shutil
import subprocess
import time
from pathlib import Path

from contest import Failed, last_words
from machine import only


def joined(source, target, size):
    """One file of at least `size` bytes: the files of a folder one after the other, from the beginning if they end."""
    unfinished = target.with_suffix(".unfinished")
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with open(unfinished, "wb") as whole:
        while whole.tell() < size:
            for part in sorted(source.glob("*.json")):
                with open(part, "rb") as piece:
                    shutil.copyfileobj(piece, whole, 1 << 20)
    return unfinished.rename(target)


def convert(h5inbox, source, output, workers):
    """Seconds, processor time and peak memory of one `convert` of `source`, a file or folder, with so many workers and
    cores. The system never tells a peak below this script's own, some 25 MiB.
    """
    shutil.rmtree(output, ignore_errors=True)
    os.sync()                                                 # else earlier outputs would still be on their way to disk
    command = [h5inbox, "convert", source, "--outdir", output, "--workers", str(workers)]
    with only(workers):
        begun = time.perf_counter()
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        said = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    shutil.rmtree(output, ignore_errors=True)
    if process.returncode:
        raise Failed(last_words(said))
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def size(path):
    files = path.glob("*.json") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files)


def measure(h5inbox, source, scratch, workers, rounds):
    """The best of `rounds` with each number of workers, in turns, and the most memory any took."""
    runs = {str(count): [] for count in workers}
    for _ in range(rounds):
        for count in workers:
            runs[str(count)].append(convert(h5inbox, source, scratch, count))

    def column(number, choose):
        return {count: choose(run[number] for run in found) for count, found in runs.items()}
    return {"bytes": size(source), "seconds": column(0, min), "cpu": column(1, min), "peak_bytes": column(2, max)}
