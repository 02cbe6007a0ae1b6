"""What h5inbox is compared with, each written as a user would write it, with defaults.

    python peers.py PEER PROCESSES SOURCE OUTPUT

runs PEER over the files SOURCE/*.json, one after the other, or with PROCESSES above 1 in a pool of so many, and prints
{"seconds": …, "cpu": …}. What a user pays once is not counted: the interpreter's start, the imports, the start of the
pool. "cpu" is the work of all threads and processes together, which says more than the clock on a busy machine.
"""
import json
import sys
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path

warnings.simplefilter("ignore")


def to_hdf(frame, output):
    frame.to_hdf(output.with_suffix(".h5"), key="/data", mode="w")


def reference(source, output, loads=json.loads):
    """The script that h5inbox replaces."""
    import pandas as pd
    with open(source, encoding="utf-8") as file:
        data = [loads(line) for line in file]
    to_hdf(pd.DataFrame(data), output)


def reference_ujson(source, output):
    import ujson
    reference(source, output, ujson.loads)


def reference_orjson(source, output):
    import orjson
    reference(source, output, orjson.loads)


def pandas_read_json(source, output):
    import pandas as pd
    to_hdf(pd.read_json(source, lines=True), output)


def polars(source, output):
    import polars as pl
    to_hdf(pl.read_ndjson(source).to_pandas(), output)


def duckdb(source, output):
    import duckdb as db
    to_hdf(db.read_json(str(source), format="newline_delimited").df(), output)


def pyarrow(source, output):
    import pyarrow.json as arrow
    to_hdf(arrow.read_json(source).to_pandas(), output)


def polars_feather(source, output):
    import polars as pl
    pl.read_ndjson(source).write_ipc(output.with_suffix(".feather"))


def pyarrow_feather(source, output):
    import pyarrow.feather as feather
    import pyarrow.json as arrow
    feather.write_feather(arrow.read_json(source), output.with_suffix(".feather"))


def polars_parquet(source, output):
    import polars as pl
    pl.read_ndjson(source).write_parquet(output.with_suffix(".parquet"))


def pyarrow_parquet(source, output):
    import pyarrow.json as arrow
    import pyarrow.parquet as parquet
    parquet.write_table(arrow.read_json(source), output.with_suffix(".parquet"))


def polars_parse(source, _):
    import polars as pl
    pl.read_ndjson(source)


def pyarrow_parse(source, _):
    import pyarrow.json as arrow
    arrow.read_json(source)


# The modules of each peer, imported before the clock starts.
HDF5 = ["pandas", "tables", "pyarrow"]
PEERS = {
    reference: HDF5, reference_ujson: [*HDF5, "ujson"], reference_orjson: [*HDF5, "orjson"], pandas_read_json: HDF5,
    polars: [*HDF5, "polars"], duckdb: [*HDF5, "duckdb"], pyarrow: [*HDF5, "pyarrow.json"],
    polars_feather: ["polars"], pyarrow_feather: ["pyarrow.json", "pyarrow.feather", "pandas"],
    polars_parquet: ["polars"], pyarrow_parquet: ["pyarrow.json", "pyarrow.parquet"],
    polars_parse: ["polars"], pyarrow_parse: ["pyarrow.json"],
}


def prepare(modules):
    for module in modules:
        try:
            import_module(module)
        except ImportError:                                   # the peer itself tells if it cannot do without
            pass


def work(peer, source, output):
    """Converts one file; seconds of processor time."""
    begun = time.process_time()
    peer(source, output)
    return time.process_time() - begun


def in_one_process(peer, tasks):
    prepare(PEERS[peer])
    begun = time.perf_counter()
    cpu = sum(work(peer, source, output) for source, output in tasks)
    return {"seconds": time.perf_counter() - begun, "cpu": cpu}


def all_arrive(_):
    barrier.wait()


def set_up(modules, shared):
    global barrier
    barrier = shared
    prepare(modules)


def in_a_pool(peer, tasks, processes):
    # Every peer but the reference has threads, which do not survive a fork: it is imported only after it.
    context = get_context("fork")
    with ProcessPoolExecutor(processes, context, set_up, (PEERS[peer], context.Barrier(processes))) as pool:
        list(pool.map(all_arrive, range(processes)))
        begun = time.perf_counter()
        cpu = sum(pool.map(partial(work, peer), *zip(*tasks), chunksize=max(1, len(tasks) // (20 * processes))))
        return {"seconds": time.perf_counter() - begun, "cpu": cpu}


def main(name, processes, source, output):
    peer = next(peer for peer in PEERS if peer.__name__ == name)
    tasks = [(file, Path(output, file.name)) for file in sorted(Path(source).glob("*.json"))]
    run = in_one_process if int(processes) == 1 else partial(in_a_pool, processes=int(processes))
    print(json.dumps(run(peer, tasks)))


if __name__ == "__main__":
    main(*sys.argv[1:])
