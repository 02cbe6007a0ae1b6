"""Runs the Python in a page of the docs, each block by itself, in a folder with the file that it reads.

    python snippets.py PAGE FOLDER
"""
import os
import re
import sys
from pathlib import Path


def main(page, folder):
    blocks = re.findall(r"^```python\n(.*?)^```", Path(page).read_text(), flags=re.M | re.S)
    assert len(blocks) >= 3, f"{page} has {len(blocks)} blocks of Python"
    os.chdir(folder)
    for block in blocks:
        exec(compile(block, page, "exec"), {})  # noqa: S102 - our own page


if __name__ == "__main__":
    main(*sys.argv[1:])
