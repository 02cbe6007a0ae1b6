"""The part of h5inbox that is written in Rust. What is for users stands in `h5inbox`."""

import os
from typing import Any

__all__ = ["VERSION", "convert_file", "schema_of"]
VERSION: str

def convert_file(
    src: str | os.PathLike[str], place: dict[str, Any], asked: dict[str, Any]
) -> tuple[str, dict[str, Any]]:
    """Convert a file; the path of its output, and what `Report` is made of."""

def schema_of(src: str | os.PathLike[str], asked: dict[str, Any]) -> str:
    """What `Schema` is made of, as JSON."""
