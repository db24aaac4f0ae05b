"""What a run's folder says about itself: the caller's texts (config.json, ...) and `run.json`, a list of its starts."""

import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax

from jaxgen.core import UserError
from jaxgen.training.places import in_bucket, place, reason

RUN = "run.json"
PACKAGES = ("jaxgen", "jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")


def write(path: str | Path, content: str | bytes) -> None:
    """Write a file at once or not at all.

    Raises:
      UserError: the folder cannot be written to.
    """
    data = content.encode() if isinstance(content, str) else content
    if in_bucket(path):
        return _upload(place(path), data)
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            # mkstemp makes files for the owner alone; a run's records follow the umask like any other file.
            umask = os.umask(0)
            os.umask(umask)
            os.chmod(draft, 0o666 & ~umask)
            os.replace(draft, path)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UserError(f"Cannot write {path}: {error.strerror or error}. Choose another folder.") from error


def _upload(path: Any, data: bytes) -> None:
    """Objects in a bucket appear whole or not at all."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except Exception as error:  # each kind of bucket has its own errors
        raise UserError(f"Cannot write {path}: {reason(error)}. Choose another folder.") from error


def read(workdir: str | Path, name: str) -> str | None:
    """The text of a record, or None if the run has none of that name."""
    path = place(workdir) / name
    return path.read_text(encoding="utf-8") if path.is_file() else None


def describe(seed: int, step: int) -> dict[str, Any]:
    """This start of the run: versions, devices, seed, git revision, command line, time."""
    devices = jax.devices()
    return {
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "from_step": step,
        "seed": seed,
        "command": sys.argv,
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "platform": devices[0].platform,
        "device": devices[0].device_kind,
        "devices": len(devices),
        "processes": jax.process_count(),
        "machine": platform.platform(),
        "git": _git(),
    }


def start(workdir: str | Path, texts: Mapping[str, str], *, seed: int, step: int) -> None:
    """Write the caller's texts and add this start to `run.json`."""
    for name, text in texts.items():
        write(place(workdir) / name, text)
    try:
        starts = json.loads(read(workdir, RUN) or "[]")
    except json.JSONDecodeError:
        starts = []
    write(place(workdir) / RUN, json.dumps([*starts, describe(seed, step)], indent=2) + "\n")


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _git() -> str | None:
    """The revision of the checkout this code runs from, with a "+" if it has changes; None outside of one."""

    def ask(*words):
        return subprocess.run(
            ["git", *words],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
            stdin=subprocess.DEVNULL,
        ).stdout.strip()

    try:
        # An installed copy may lie in somebody else's checkout, in an ignored folder such as .venv.
        ask("ls-files", "--error-unmatch", Path(__file__).name)
        return ask("rev-parse", "HEAD") + ("+" if ask("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return None
