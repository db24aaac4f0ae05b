"""Where a run lies: a local folder, or one in a bucket (`gs://bucket/runs/mine`), which `pathlib` would mangle."""

import contextlib
import importlib.util
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jaxgen.core import UserError, choose

BUCKETS = {"gs": "gcsfs", "s3": "s3fs"}
"""Kinds of buckets and the package that reads each."""


def in_bucket(path: Any) -> bool:
    """Is this "gs://..." rather than a local path?"""
    return "://" in os.fspath(path)


def place(path: Any) -> Any:
    """A path with the methods of `pathlib.Path`, local or in a bucket.

    Raises:
      UserError: an unknown kind of bucket, or the package for it is missing.
    """
    text = os.fspath(path)
    if not in_bucket(text):
        return Path(text)
    from etils import epath

    scheme = text.partition("://")[0]
    package = choose(BUCKETS, scheme, "kind of storage")
    if importlib.util.find_spec(package) is None and importlib.util.find_spec("tensorflow") is None:
        raise UserError(f"{text} needs the package {package}: pip install {package}.")
    return epath.Path(text)


def reachable(path: Any) -> Any:
    """`place`, asked whether it can be read.

    Raises:
      UserError: a bucket that does not exist, or that may not be read.
    """
    found = place(path)
    if in_bucket(path):
        try:
            found.exists()
        except Exception as error:  # each kind of bucket has its own errors
            why = reason(error).replace(" to write there", "")
            raise UserError(f"Cannot reach {path}: {why}. Sign in, or choose another bucket.") from error
    return found


def remove(folder: Any) -> None:
    """Remove a folder and what is in it, as far as that works."""
    with contextlib.suppress(Exception):
        folder.rmtree() if in_bucket(folder) else shutil.rmtree(folder)


@contextlib.contextmanager
def through(path: Any) -> Iterator[Path]:
    """A local path to write a file to, which at the end lies at `path` as well."""
    if not in_bucket(path):
        yield Path(path)
        return
    with tempfile.TemporaryDirectory() as scratch:
        local = Path(scratch) / path.name
        yield local
        for made in sorted(local.parent.iterdir()):
            (path.parent / made.name).write_bytes(made.read_bytes())


DENIED = ("PERMISSION_DENIED", "Permission denied", "Forbidden", "403", "401", "does not have storage.", "AccessDenied")
FULL = ("RESOURCE_EXHAUSTED", "No space left", "ENOSPC", "File too large")


def reason(error: BaseException) -> str:
    """One line about an error of the file system, of a bucket or of the checkpoint library."""
    import errno

    text = str(error)
    if isinstance(error, PermissionError) or any(sign in text for sign in DENIED):
        return "no permission to write there"
    full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    if full or any(sign in text for sign in FULL):
        return "the disk is full"
    if isinstance(error, FileNotFoundError):
        return "files are missing"
    text = text.partition(" See full TensorStore details")[0]
    line = next((line.strip() for line in text.splitlines() if line.strip()), type(error).__name__)
    return line if len(line) <= 120 else line[:117] + "..."
