"""Tries the Python module h5inbox: how it is called, and what it tells.

    python module.py PROMISE FOLDER [SOURCE ...]

Each function below is a promise; FOLDER is empty. What runs many conversions is in module_pools.py and module_dask.py.
"""
import inspect
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import h5inbox
import pandas as pd

import module_frames

GOOD = '{"a": 1, "b": "x"}\n{"a": 2, "b": null}\n'
BAD = '{"a": 1}\n{"a":}\n{"a": 3}\n'


def written(name, text=GOOD):
    Path(name).write_text(text)
    return name


def raised(kind, *args, **options):
    """The exception of a call, which must be of this kind, and the same when it was pickled."""
    try:
        done = h5inbox.convert(*args, **options)
    except h5inbox.Error as error:
        assert type(error) is kind, repr(error)
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is kind and str(again) == str(error) and vars(again) == vars(error)
        if isinstance(error, OSError):
            assert (again.errno, again.filename) == (error.errno, error.filename)
        return error
    raise AssertionError(f"{args} {options} gave {done}")


def reports():
    report = h5inbox.convert(written("a.json"))
    assert (report.source, report.output, report.rows, report.columns) == ("a.json", "a.h5", 2, 2), report
    assert report.output_bytes == os.path.getsize("a.h5") and report.source_bytes == len(GOOD)
    assert report.converted and report.warnings == () and report.seconds > 0 and len(report.source_sha256) == 64
    assert pickle.loads(pickle.dumps(report)) == report and "rows=2" in repr(report)
    try:
        report.rows = 3
    except AttributeError:
        pass
    else:
        raise AssertionError("a report can be changed")
    module_frames.same("a.json", "a.h5")
    nulls = h5inbox.convert(written("n.json", '{"a": null}\n'))
    assert [(told.code, told.column) for told in nulls.warnings] == [("all_null", "a")], nulls
    assert h5inbox.convert(Path("a.json"), Path("sub/x.h5")).output == "sub/x.h5"
    assert h5inbox.convert("a.json", outdir="out").output == "out/a.h5"
    assert not list(Path().rglob(".h5inbox")), "the folder for unfinished outputs stays"


def options():
    written("a.json", '{"a": "1", "b": {"c": 2}}\n')
    h5inbox.convert("a.json", nested="flatten", types={"a": "int64"}, key="x/y", layout="table", compression="zlib:3")
    frame = pd.read_hdf("a.h5", "x/y")
    assert list(frame.columns) == ["a", "b.c"] and frame["a"].tolist() == [1]
    h5inbox.convert("a.json", format="parquet", compression="zstd", nested="json", durable=True, threads=2)
    assert os.path.exists("a.parquet")
    written("b.json", BAD)
    report = h5inbox.convert("b.json", on_bad_record="skip")
    assert (report.rows, report.bad_records, report.bad_records_file) == (2, 1, "b.bad.ndjson")
    assert "expected" in Path("b.bad.ndjson").read_text()
    written("c.toml", 'inbox.path = "/i"\noutput.path = "/o"\noutput.key = "/k"\nlimits.depth = 2\n')
    assert "/k" in pd.HDFStore(h5inbox.convert("a.json", "k.h5", config="c.toml").output, "r").keys()
    written("d.json", '{"a": [[[1]]]}\n')
    assert raised(h5inbox.BadInputError, "d.json", config="c.toml").code == "limit_depth"
    for option, value in [("format", "xls"), ("layout", "wide"), ("compression", "zlib:10"), ("key", "a//b"),
                          ("on_unfit", "x"), ("input", "x"), ("on_bad_record", "x"), ("nested", "x"), ("threads", 0),
                          ("types", {"a": "x"}), ("types", {"[": "int64"}), ("config", "none.toml")]:
        error = raised(h5inbox.OptionError, "a.json", "new.h5", **{option: value})
        assert str(error).startswith(option) and isinstance(error, ValueError) and error.code == "option", error
    raised(h5inbox.OptionError, "a.json", format="feather", layout="table")
    raised(h5inbox.OptionError, "a.json", compression="lz4")
    raised(h5inbox.OptionError, "a.json", "x.h5", outdir="out")
    raised(h5inbox.OptionError, "a.json", "x.hdf")
    raised(h5inbox.OptionError, "a.json", ".")
    written("self.h5")
    raised(h5inbox.OptionError, "self.h5", "self.h5", overwrite=True)
    assert not os.path.exists("new.h5") and Path("self.h5").read_text() == GOOD


def flags(program):
    """The options are those of the verb: same names, apart from those that say what a call cannot."""
    said = subprocess.run([program, "convert", "--help"], capture_output=True, text=True, check=True).stdout
    verbs = {word.strip(",").lstrip("-").replace("-", "_") for word in said.split() if word.startswith("--")}
    ours = set(inspect.signature(h5inbox.convert).parameters) - {"src", "dst"}
    assert verbs - ours - {"help"} == {"workers", "profile", "type"}, verbs - ours
    assert ours - verbs == {"threads", "types", "overwrite"}, ours - verbs
    for option in ours:
        assert f"``{option}``" in h5inbox.convert.__doc__, option


def schemas():
    told = h5inbox.schema(written("a.json", '{"a": 1, "b": "x"}\n{"a": null}\n'))
    assert [(column.name, column.dtype, column.null, column.missing) for column in told.columns] == [
        ("a", "float64", 1, 0), ("b", "str", 0, 1)], told
    assert (told.path, told.input, told.rows, told.warnings) == ("a.json", "lines", 2, ())
    assert all(column.stored for column in h5inbox.schema("a.json", format="parquet").columns)
    assert pickle.loads(pickle.dumps(told)) == told and not os.path.exists("a.h5")
    try:
        h5inbox.schema(written("b.json", BAD))
    except h5inbox.BadInputError as error:
        assert (error.line, error.byte) == (2, 14)
    else:
        raise AssertionError("a bad line has a schema")


def exceptions():
    error = raised(h5inbox.BadInputError, written("b.json", BAD))
    assert (error.path, error.line, error.byte, error.code) == ("b.json", 2, 14, "bad_json"), vars(error)
    assert isinstance(error, ValueError) and "line 2" in str(error) and error.hint in str(error)
    assert not os.path.exists("b.h5") and not os.path.exists(".h5inbox")
    missing = raised(h5inbox.SourceMissingError, "none.json")
    assert isinstance(missing, FileNotFoundError) and (missing.errno, missing.filename) == (2, "none.json")
    assert raised(h5inbox.SourceReadError, ".").code == "not_a_file"
    exists = raised(h5inbox.OutputExistsError, written("a.json"), written("x.h5", "mine"))
    assert isinstance(exists, FileExistsError) and exists.path == "x.h5" and exists.errno == 17
    assert Path("x.h5").read_text() == "mine"
    refused = raised(h5inbox.OutputWriteError, "a.json", outdir="/proc/nowhere")
    assert isinstance(refused, OSError) and refused.errno is not None and refused.path.startswith("/proc/nowhere")
    for wrong in [(3,), (b"a.json",), ()]:
        try:
            h5inbox.convert(*wrong)
        except TypeError:
            continue
        raise AssertionError(f"{wrong} is no path")


def again():
    """A second call finds the output of the same bytes and options, and leaves every other file alone."""
    first = h5inbox.convert(written("a.json"))
    before = os.stat("a.h5")
    second = h5inbox.convert("a.json")
    assert first.converted and not second.converted
    told = ("output", "rows", "columns", "output_bytes", "source_bytes", "source_sha256", "input", "compression")
    assert all(getattr(first, name) == getattr(second, name) for name in told)
    assert os.stat("a.h5").st_mtime_ns == before.st_mtime_ns
    # The same bytes elsewhere, and other bytes, times and sizes being equal.
    assert not h5inbox.convert(written("copy.json"), "a.h5").converted
    written("other.json", GOOD.replace("1", "7"))
    os.utime("other.json", ns=(os.stat("a.json").st_atime_ns, os.stat("a.json").st_mtime_ns))
    raised(h5inbox.OutputExistsError, "other.json", "a.h5")
    raised(h5inbox.OutputExistsError, "a.json", compression="zlib:1")
    assert os.stat("a.h5").st_ino == before.st_ino
    # Without a hash it is converted again when it seems to be the same, and in any case when that is asked for.
    assert h5inbox.convert("a.json", "n.h5", sha256=False).source_sha256 is None
    assert h5inbox.convert("a.json", "n.h5", sha256=False).converted
    raised(h5inbox.OutputExistsError, "other.json", "n.h5", sha256=False)
    assert h5inbox.convert("other.json", "a.h5", overwrite=True).converted
    module_frames.same("other.json", "a.h5")


def interrupted(*sources):
    """Ctrl-C gives a conversion up soon, and leaves nothing."""
    with open("big.json", "w") as big:
        for _ in range(40):
            big.writelines(Path(source).read_text() for source in sources)
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    try:
        h5inbox.convert("big.json")
    except KeyboardInterrupt:
        pass
    else:
        raise AssertionError("it was over before it could be interrupted")
    assert sorted(os.listdir()) == ["big.json"], os.listdir()
    # What comes next is not interrupted.
    assert h5inbox.convert(written("a.json")).rows == 2


def unlocked(*sources):
    """While a thread converts, others run."""
    with open("big.json", "w") as big:
        for _ in range(10):
            big.writelines(Path(source).read_text() for source in sources)
    counted, worker = 0, threading.Thread(target=h5inbox.convert, args=("big.json",))
    worker.start()
    while worker.is_alive():
        counted += 1
        time.sleep(0.001)
    assert counted > 10, f"{counted} turns only"
    assert os.path.exists("big.h5")


if __name__ == "__main__":
    os.chdir(sys.argv[2])
    globals()[sys.argv[1]](*sys.argv[3:])
