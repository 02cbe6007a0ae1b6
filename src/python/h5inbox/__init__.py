"""JSON to HDF5 that pandas opens as its own, one file a call, for whatever runs calls in parallel.

    import h5inbox
    report = h5inbox.convert("AAPL.json")        # writes AAPL.h5 beside it
    frame = pandas.read_hdf("AAPL.h5", "/data")

`convert` may be called in any number of threads, processes and machines at once, and again for a file that was
converted or begun: an output is there whole or not at all. `schema` says what a file would give.
"""

import json as _json
import os as _os
import time as _time
from dataclasses import dataclass
from typing import Any, Dict, Mapping, Optional, Tuple, Union

from . import _native
from ._errors import (
    BadInputError,
    Error,
    InternalError,
    OptionError,
    OutputExistsError,
    OutputWriteError,
    SourceChangedError,
    SourceMissingError,
    SourceReadError,
)

__all__ = [
    "BadInputError",
    "Column",
    "Error",
    "InternalError",
    "OptionError",
    "OutputExistsError",
    "OutputWriteError",
    "Report",
    "Schema",
    "SourceChangedError",
    "SourceMissingError",
    "SourceReadError",
    "Warning",
    "convert",
    "schema",
]

__version__: str = _native.VERSION

# Users know them by this name.
for _kind in (
    BadInputError,
    Error,
    InternalError,
    OptionError,
    OutputExistsError,
    OutputWriteError,
    SourceChangedError,
    SourceMissingError,
    SourceReadError,
):
    _kind.__module__ = __name__

Path = Union[str, "_os.PathLike[str]"]


@dataclass(frozen=True)
class Warning:
    """Something to know about a source that was converted all the same."""

    #: A stable name: ``lost_digits``, ``duplicate_key``, ``all_null``, ``mixed_types`` or ``lost_nul``.
    code: str
    #: The column that it is about.
    column: str
    #: The first line that it is about, counted from 1.
    line: int
    #: A sentence for people.
    message: str


@dataclass(frozen=True)
class Report:
    """What `convert` did. It can be pickled and compared."""

    #: The source, as it was named.
    source: str
    #: The output.
    output: str
    #: Rows of the frame: records converted.
    rows: int
    #: Columns of the frame.
    columns: int
    #: Records left out, with ``on_bad_record="skip"``.
    bad_records: int
    #: The file that they were written to, if there are any.
    bad_records_file: Optional[str]
    #: Bytes of the source.
    source_bytes: int
    #: Bytes of the output.
    output_bytes: int
    #: SHA-256 of the source in hexadecimal; none with ``sha256=False``.
    source_sha256: Optional[str]
    #: What to know about the source; empty if the output was there already.
    warnings: Tuple[Warning, ...]
    #: How long the call took.
    seconds: float
    #: False if the output of this source was there already, and was left as it is.
    converted: bool
    #: How the records stand in the source: ``lines``, ``array``, ``object`` or ``objects``.
    input: str
    #: How the source is compressed, or ``none``.
    compression: str


@dataclass(frozen=True)
class Column:
    """A column that a source would give."""

    #: Its label.
    name: str
    #: Its dtype when pandas 3 has read it.
    dtype: str
    #: What it is in the output in the words of its format; none where that is what the dtype says.
    stored: Optional[str]
    #: Records with a value other than null.
    values: int
    #: Records with null.
    null: int
    #: Records without the key.
    missing: int


@dataclass(frozen=True)
class Schema:
    """What a source would give, as ``h5inbox schema --json`` tells it."""

    #: The source, as it was named.
    path: str
    #: How the records stand in the source: ``lines``, ``array``, ``object`` or ``objects``.
    input: str
    #: How the source is compressed, or ``none``.
    compression: str
    #: Records.
    rows: int
    #: Records that would be left out.
    bad_records: int
    #: The columns in order.
    columns: Tuple[Column, ...]
    #: What to know about the source.
    warnings: Tuple[Warning, ...]


def convert(
    src: Path,
    dst: Optional[Path] = None,
    *,
    outdir: Optional[Path] = None,
    format: Optional[str] = None,
    layout: Optional[str] = None,
    key: Optional[str] = None,
    compression: Optional[str] = None,
    on_unfit: Optional[str] = None,
    input: Optional[str] = None,
    on_bad_record: Optional[str] = None,
    nested: Optional[str] = None,
    types: Optional[Mapping[str, str]] = None,
    config: Optional[Path] = None,
    overwrite: bool = False,
    sha256: bool = True,
    durable: bool = False,
    threads: int = 1,
) -> Report:
    """Convert the JSON file ``src`` into the file ``dst``, and tell what came of it.

    It may be called again, also at the same time, in any thread, process or machine. The output gets its name in one
    step, when it is whole. If it is there already, made of the same bytes with the same options, it stays, and
    the report says ``converted=False``. Any other file of that name makes `OutputExistsError`, unless ``overwrite``.

    The options are those of ``h5inbox convert``, and mean the same:

    ``dst``
        The output; its name ends as its format has it, in .h5, .feather or .parquet. Default: in ``outdir``, or
        else beside the source, called as the source.
    ``outdir``
        The folder for the output, made if it is missing.
    ``format``
        ``"hdf5"`` (default), ``"feather"`` or ``"parquet"``.
    ``layout``
        In HDF5: ``"fixed"`` (default) as pandas has it, ``"table"`` to query and append, or ``"plain"``.
    ``key``
        The key of the frame in HDF5; default ``"/data"``.
    ``compression``
        ``"none"`` (default); ``"zlib:1"`` to ``"zlib:9"`` in HDF5; ``"lz4"`` or ``"zstd:1"`` to ``"zstd:22"``
        elsewhere.
    ``on_unfit``
        What a column does that the format has no type for: ``"refuse"`` (default) its file, or become ``"text"``.
    ``input``
        ``"lines"``, ``"document"``, or ``"auto"`` (default): whichever the first line looks like.
    ``on_bad_record``
        ``"reject-file"`` (default), or ``"skip"``: bad records are left out and written to NAME.bad.ndjson
        beside the output.
    ``nested``
        What becomes of arrays and objects in records: ``"object"`` (default), ``"json"`` (text) or ``"flatten"``.
    ``types``
        The dtypes of columns, or globs of columns, as ``{"price": "float64", "*_at": "datetime"}``; the first
        that fits decides.
    ``config``
        A configuration file of the agent: its limits, its ``[output]`` and ``[records]`` hold where no option
        is given.
    ``overwrite``
        Convert in any case, and take the place of what has the output's name.
    ``sha256``
        Compute the SHA-256 of the source and keep it in the output. It is by this that a second call knows
        the output; without, the file is converted again.
    ``durable``
        Have the output on disk (fsync) before returning.
    ``threads``
        Threads that this call may use, of which only files over 32 MiB make use. 1 (default) is right where
        many calls run at a time.

    The interpreter's lock is free meanwhile, so that a thread pool converts as many files at a time as it has threads.
    Raises an `Error`; nothing is left of a conversion that failed. Ctrl-C gives the conversion up.
    """
    begun = _time.perf_counter()
    place = {"dst": dst, "outdir": outdir, "overwrite": overwrite, "sha256": sha256, "durable": durable}
    asked = _asked(format, layout, key, compression, on_unfit, input, on_bad_record, nested, types, config, threads)
    output, done = _native.convert_file(src, place, asked)
    done["warnings"] = tuple(Warning(*warning) for warning in done["warnings"])
    return Report(source=_os.fspath(src), output=output, seconds=_time.perf_counter() - begun, **done)


def schema(
    src: Path,
    *,
    format: Optional[str] = None,
    layout: Optional[str] = None,
    on_unfit: Optional[str] = None,
    input: Optional[str] = None,
    on_bad_record: Optional[str] = None,
    nested: Optional[str] = None,
    types: Optional[Mapping[str, str]] = None,
    config: Optional[Path] = None,
    threads: int = 1,
) -> Schema:
    """Tell the columns and dtypes that `convert` would make of ``src``, and anything surprising, without converting it.

    The options are those of `convert`. Raises an `Error` where `convert` would refuse the source.
    """
    asked = _asked(format, layout, None, None, on_unfit, input, on_bad_record, nested, types, config, threads)
    told: Dict[str, Any] = _json.loads(_native.schema_of(src, asked))
    told["columns"] = tuple(Column(**column) for column in told["columns"])
    told["warnings"] = tuple(Warning(**warning) for warning in told["warnings"])
    return Schema(path=_os.fspath(src), **told)


def _asked(
    format: Optional[str],
    layout: Optional[str],
    key: Optional[str],
    compression: Optional[str],
    on_unfit: Optional[str],
    input: Optional[str],
    on_bad_record: Optional[str],
    nested: Optional[str],
    types: Optional[Mapping[str, str]],
    config: Optional[Path],
    threads: int,
) -> Dict[str, Any]:
    """The options that `convert` and `schema` share, as the native part takes them."""
    return {
        "format": format,
        "layout": layout,
        "key": key,
        "compression": compression,
        "on_unfit": on_unfit,
        "input": input,
        "on_bad_record": on_bad_record,
        "nested": nested,
        "types": list((types or {}).items()),
        "config": config,
        "threads": threads,
    }
