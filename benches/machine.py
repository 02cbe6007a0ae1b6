"""The machine and the versions that a result belongs to, and how busy others kept it meanwhile."""
import os
import platform
import resource
import subprocess
import time
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

COMPARED = ["pandas", "numpy", "tables", "ujson", "orjson", "polars", "duckdb", "pyarrow"]


def cores():
    return len(os.sched_getaffinity(0))


@contextmanager
def only(count):
    """Inside, this process and those it starts have only so many cores."""
    all_of_them = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(all_of_them)[:count])
    try:
        yield
    finally:
        os.sched_setaffinity(0, all_of_them)


def model():
    told = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":")[1].strip() for line in told if "model name" in line]
    return names[0] if names else platform.machine()


def versions():
    found = {"python": platform.python_version()}
    for name in COMPARED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            pass
    return found


def commit():
    asked = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--exclude=*"]
    try:
        return subprocess.run(asked, capture_output=True, text=True).stdout.strip()
    except OSError:
        return ""


def description(h5inbox):
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    own = subprocess.run([h5inbox, "--version"], capture_output=True, text=True).stdout.split()[-1]
    return {"date": time.strftime("%Y-%m-%d"), "cores": cores(), "cpu": model(), "memory_gib": round(memory / 2**30),
            "kernel": platform.release().split("-")[0], "h5inbox": f"{own} {commit()}".strip(), "versions": versions()}


class Neighbours:
    """How much of the cores others took between the making and `share`."""

    def __init__(self):
        self.begun = self.now()

    @staticmethod
    def now():
        """Seconds of the clock, of all processors' work, of our own."""
        ticks = [int(word) for word in Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
        busy = (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return time.perf_counter(), busy, sum(usage.ru_utime + usage.ru_stime for usage in used)

    def share(self):
        clock, busy, own = (now - then for now, then in zip(self.now(), self.begun))
        return min(1.0, max(0.0, (busy - own) / (clock * os.cpu_count())))
