"""Opens one output of the plain layout with each program that runs here, and looks at what it makes of it.

    python plain_readers.py OUTPUT

OUTPUT is what `tests/it/plain.rs` makes of its sample. Exit code 1, with a traceback, when a reader sees something else.
"""
import sys
import warnings

import h5py
import numpy as np
import tables
import xarray

PATH = sys.argv[1]
ORDER = ["zulu", "count", "seen", "price", "up", "late", "name", "at", "utc", "tags", "a%2Fb"]
BIG = 1_700_000_000_123_456_789


def with_h5py():
    with h5py.File(PATH) as file:
        group = file["data"]
        assert [name for name in group if not name.endswith("__missing")] == ORDER
        assert group.attrs["column-order"].tolist() == ORDER
        assert group["zulu"][()].tolist() == [1, 2, 3] and group["zulu"].dtype == np.int64
        assert group["seen"][()].tolist() == [2**60 + 1, -(2**63), 7] and group["seen"].fillvalue == -(2**63)
        assert group["up"].dtype == bool and group["up"][()].tolist() == [True, False, True]
        assert group["late__missing"][()].tolist() == [False, True, True]
        assert group["name"].asstr()[()].tolist() == ["é", "", "long " * 50]
        assert group["name__missing"][()].tolist() == [False, True, False]
        assert group["tags"].asstr()[()].tolist() == ['[1,{"k":null}]', "{}", '["ä"]']
        assert group["tags"].attrs["content"] == "json" and group["a%2Fb"].attrs["column_name"] == "a/b"


def with_xarray(engine, **more):
    with xarray.open_dataset(PATH, group="data", engine=engine, **more) as data:
        assert list(data.variables)[:3] == ORDER[:3], list(data.variables)
        assert data.zulu.dtype == np.int64 and data.zulu.values.tolist() == [1, 2, 3]
        count = data["count"].values
        assert count.dtype == float and count[0] == 5 and np.isnan(count[1]) and count[2] == 6
        assert data["name"].values.tolist() == ["é", "", "long " * 50]
        moments = data["at"].values
        assert moments.dtype == "datetime64[ns]" and moments[0].astype("int64") == BIG and np.isnat(moments[1])
        assert data["utc"].attrs["tz"] == "UTC" and data["utc"].values[2].astype("int64") == BIG
        assert data["up"].values.astype(bool).tolist() == [True, False, True]
        # Without decoding, every digit is there.
    with xarray.open_dataset(PATH, group="data", engine=engine, mask_and_scale=False, decode_times=False, **more) as data:
        assert data["seen"].values.tolist() == [2**60 + 1, -(2**63), 7]


def with_pytables():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")              # of texts it only says that it cannot read them
        with tables.open_file(PATH) as file:
            assert file.root.data.zulu[:].tolist() == [1, 2, 3]
            assert file.root.data.price[:].tolist()[::2] == [0.5, 2.0]
            assert file.root.data.at[:].tolist()[0] == BIG
            assert len(list(file.walk_nodes("/"))) > len(ORDER)


with_h5py()
with_xarray("h5netcdf", phony_dims="sort")
with_xarray("netcdf4")
with_pytables()
print("every reader agrees")
