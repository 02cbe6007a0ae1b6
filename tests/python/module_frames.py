"""What pandas itself makes of a source, to compare the module's outputs with."""
import json
import os
import tempfile

import pandas as pd


def reference(source):
    """The frame that the replaced script gives: `json.loads` a line, `to_hdf`, `read_hdf`."""
    with open(source) as lines:
        data = [json.loads(line) for line in lines]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "r.h5")
        pd.DataFrame(data).to_hdf(path, key="/data")
        return pd.read_hdf(path, "/data")


def same(source, output, key="/data"):
    """`output` is whole, and equal to what pandas makes of `source`: dtypes, values, labels."""
    pd.testing.assert_frame_equal(pd.read_hdf(output, key), reference(source), check_exact=True)


def all_same(sources, folder):
    """Each source has its output in `folder`, equal, and nothing else is there."""
    names = {os.path.basename(source).replace(".json", ".h5"): source for source in sources}
    assert set(os.listdir(folder)) == set(names), sorted(set(os.listdir(folder)) ^ set(names))
    for name, source in names.items():
        same(source, os.path.join(folder, name))
