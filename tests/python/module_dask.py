"""Tries the Python module h5inbox on a real cluster of Dask: worker processes, one of which is killed half way.

    python module_dask.py FOLDER SOURCE ...
"""
import os
import signal
import sys

from dask.distributed import Client, LocalCluster, as_completed

import h5inbox

import module_frames


def main(*sources):
    with LocalCluster(n_workers=3, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        workers = client.run(os.getpid)
        assert len(set(workers.values())) == 3, workers
        futures = client.map(h5inbox.convert, sources, outdir="out")
        killed = None
        for done, _ in enumerate(as_completed(futures), 1):
            if killed is None and done >= len(sources) // 2:
                killed = client.run_on_scheduler(busiest)
                os.kill(workers[killed], signal.SIGKILL)
        reports = client.gather(futures)
        # Results that the killed worker held are gone: these tasks ran twice, and found their outputs.
        assert any(not report.converted for report in reports), "no task ran twice"
        assert killed not in {worker for worker, pid in client.run(os.getpid).items() if pid == workers[killed]}
    assert [report.source for report in reports] == list(sources)
    # A killed conversion may leave its temporary file, which the next one removes.
    h5inbox.convert(sources[0], outdir="out")
    module_frames.all_same(sources, "out")


def busiest(dask_scheduler):
    """The worker that holds most results."""
    return max(dask_scheduler.workers.values(), key=lambda worker: len(worker.has_what)).address


if __name__ == "__main__":
    os.chdir(sys.argv[1])
    main(*sys.argv[2:])
