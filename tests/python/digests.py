"""What outputs hold, without where they come from: for each HDF5 file below FOLDER a line with a digest of all its nodes,
attributes and data, but for the attribute that tells of the source, and the file's path below FOLDER. Of a file that cannot
be read in full it says so instead. Hidden files and folders are left out.

    digests.py FOLDER
"""

import hashlib
import os
import sys

import h5py
import numpy

PROVENANCE = "h5inbox_source"


def add(digest, value):
    """Adds an attribute's value, or all data of a node."""
    array = numpy.asarray(value)
    digest.update(f"{array.dtype} {array.shape}".encode())
    parts = [repr(part.tolist() if hasattr(part, "tolist") else part).encode() for part in array.flat] if array.dtype == object else [array.tobytes()]
    for part in parts:
        digest.update(b"%d:" % len(part) + part)


def digest_of(path):
    digest = hashlib.sha256()

    def node(name, what):
        digest.update(f"{name} {type(what).__name__}".encode())
        for key in sorted(set(what.attrs) - {PROVENANCE}):
            digest.update(key.encode())
            add(digest, repr(what.attrs[key]))
        if isinstance(what, h5py.Dataset) and what.shape is not None:
            add(digest, what[()])

    with h5py.File(path, "r") as file:
        node("/", file)
        file.visititems(node)
    return digest.hexdigest()


def main(folder):
    for at, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if name.startswith(".") or not name.endswith(".h5"):
                continue
            path = os.path.join(at, name)
            try:
                digest = digest_of(path)
            except (OSError, RuntimeError, KeyError) as error:
                digest = f"unreadable:{type(error).__name__}"
            print(digest, os.path.relpath(path, folder))


main(sys.argv[1])
