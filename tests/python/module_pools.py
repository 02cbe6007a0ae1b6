"""Tries the Python module h5inbox in pools of threads and processes, forked and spawned ones, and with calls that race.

    python module_pools.py PROMISE FOLDER SOURCE ...
"""
import glob
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial

import h5inbox

import module_frames


def threads(*sources):
    with ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(partial(h5inbox.convert, outdir="out"), sources))
    assert [report.source for report in reports] == list(sources)
    module_frames.all_same(sources, "out")


def processes(*sources):
    """Pools of both kinds of processes, from a parent that has used the module: threads do not survive a fork."""
    h5inbox.convert(sources[0], "before.h5", threads=2)
    for method in ["fork", "spawn"]:
        with ProcessPoolExecutor(3, mp_context=multiprocessing.get_context(method)) as pool:
            reports = list(pool.map(partial(h5inbox.convert, outdir=method, threads=2), sources))
            assert all(report.converted for report in reports)
            # Exceptions come back whole.
            error = pool.submit(h5inbox.convert, "none.json").exception()
            assert type(error) is h5inbox.SourceMissingError and error.path == "none.json", repr(error)
        module_frames.all_same(sources, method)


def raced(*sources):
    """Processes and threads that convert the same files at once: one of each converts, or more, and all are content."""
    context = multiprocessing.get_context("spawn")
    jobs = [source for source in sources[:8] for _ in range(6)]
    with ProcessPoolExecutor(4, mp_context=context) as pool, ThreadPoolExecutor(4) as others:
        work = [runner.submit(h5inbox.convert, job, outdir="out") for job in jobs for runner in (pool, others)]
        reports = [done.result() for done in work]
    assert {report.source for report in reports if report.converted} == set(sources[:8])
    module_frames.all_same(sources[:8], "out")


def forked_child(queue, source):
    try:
        queue.put(h5inbox.convert(source, f"child-{os.getpid()}.h5").rows)
    except h5inbox.Error as error:
        queue.put(pickle.loads(pickle.dumps(error)))


def outcome_of_fork(source):
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    child = context.Process(target=forked_child, args=(queue, source))
    child.start()
    child.join(120)
    if child.exitcode is None:
        child.kill()
        raise AssertionError("a forked process hangs")
    assert child.exitcode == 0, f"a forked process ended with {child.exitcode}"
    return queue.get()


def forked(*sources):
    """A process that is forked while threads convert says so, or works; it never hangs."""
    stop = threading.Event()

    def busy(number):
        while not stop.is_set():
            h5inbox.convert(sources[number], f"busy-{number}.h5", overwrite=True)

    workers = [threading.Thread(target=busy, args=(number,), daemon=True) for number in range(2)]
    for worker in workers:
        worker.start()
    outcomes = [outcome_of_fork(sources[2]) for _ in range(10)]
    stop.set()
    for worker in workers:
        worker.join()
    refused = [outcome for outcome in outcomes if isinstance(outcome, h5inbox.InternalError)]
    assert refused and all(error.code == "forked" for error in refused), outcomes
    assert all(isinstance(outcome, (int, h5inbox.InternalError)) for outcome in outcomes), outcomes
    # Later forks are no longer of that time.
    assert outcome_of_fork(sources[2]) > 0


def killed(*sources):
    """A conversion that is killed leaves no output, only a temporary file, and that goes with the next one."""
    with open("big.json", "w") as big:
        for _ in range(20):
            for source in sources:
                with open(source) as lines:
                    big.write(lines.read())
    for _ in range(20):
        child = subprocess.Popen([sys.executable, "-c", "import h5inbox; h5inbox.convert('big.json')"])
        while child.poll() is None and not glob.glob(".h5inbox/*.tmp"):
            pass
        child.kill()
        child.wait()
        if glob.glob(".h5inbox/*.tmp"):
            break
        os.path.exists("big.h5") and os.unlink("big.h5")
    assert sorted(os.listdir()) == [".h5inbox", "big.json"], os.listdir()
    assert h5inbox.convert("big.json").converted
    assert sorted(os.listdir()) == ["big.h5", "big.json"], os.listdir()
    module_frames.same("big.json", "big.h5")


if __name__ == "__main__":
    os.chdir(sys.argv[2])
    globals()[sys.argv[1]](*sys.argv[3:])
