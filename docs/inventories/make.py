"""Writes the inventories of what others document, as far as our reference names it.

They stand in the repository, as nothing is fetched when the site is built. A name that
the reference begins to use is added here:

    python docs/inventories/make.py
"""

from __future__ import annotations

import zlib
from pathlib import Path

HERE = Path(__file__).parent

# Pages, and objects that they describe, with their kinds.
PYTHON = """
library/asyncio-exceptions: exception asyncio.CancelledError
library/collections.abc: class collections.abc.AsyncIterator
library/collections.abc: class collections.abc.Callable
library/collections.abc: class collections.abc.Iterable
library/collections.abc: class collections.abc.Iterator
library/collections.abc: class collections.abc.Mapping
library/collections.abc: class collections.abc.Sequence
library/constants: data None
library/enum: class enum.StrEnum
library/exceptions: exception AssertionError
library/exceptions: exception ExceptionGroup
library/exceptions: exception ImportError
library/exceptions: exception RuntimeError
library/exceptions: exception TypeError
library/exceptions: exception ValueError
library/functions: class float
library/functions: class int
library/functions: class object
library/json: exception json.JSONDecodeError
library/os: class os.PathLike
library/pathlib: class pathlib.Path
library/ssl: class ssl.SSLContext
library/stdtypes: class bool
library/stdtypes: class bytes
library/stdtypes: class dict
library/stdtypes: class list
library/stdtypes: class str
library/stdtypes: class tuple
library/threading: class threading.Event
library/types: class types.ModuleType
"""


def entry(line: str) -> str:
    """A line: name, role, priority, address, and the name once more."""
    page, kind, name = line.replace(":", "").split()
    return f"{name} py:{kind} 1 {page}.html#$ -\n"


def inventory(project: str, objects: str) -> bytes:
    """One of Sphinx's second version."""
    head = f"# Sphinx inventory version 2\n# Project: {project}\n# Version: \n"
    head += "# The remainder of this file is compressed using zlib.\n"
    body = "".join(map(entry, objects.strip().splitlines()))
    return head.encode() + zlib.compress(body.encode(), 9)


if __name__ == "__main__":
    (HERE / "python.inv").write_bytes(inventory("Python", PYTHON))
