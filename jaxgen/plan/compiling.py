"""Compiling in a process of its own: progress, a time limit, and a cache of what was found."""

import hashlib
import importlib.metadata
import importlib.util
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jaxgen.core import UserError


def cache_folder() -> Path:
    return Path(os.environ.get("JAXGEN_CACHE", str(Path.home() / ".cache" / "jaxgen"))) / "plan"


def version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def key(request: dict[str, Any]) -> str:
    """Name of a request in the cache: what is compiled, by what."""
    from jaxgen import __version__

    versions = [__version__, *(version(name) for name in ("jax", "jaxlib", "libtpu", "flax"))]
    text = json.dumps([request, versions], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def check(topology: str) -> None:
    """Raise a `UserError` if the compiler for a topology is not installed."""
    if not topology.startswith("cpu") and importlib.util.find_spec("libtpu") is None:
        raise UserError(
            "Compiling for a TPU needs libtpu, though no TPU: pip install 'jaxgen[plan]'; --quick estimates without it."
        )


def environment(topology: str, chips: int) -> dict[str, str]:
    """Of the compiling process: no device of this machine but CPUs, none of its compilation cache, and, as it uses no
    TPU, no claim on one against others that plan at the same time."""
    env = os.environ | {"JAX_PLATFORMS": "cpu", "TPU_SKIP_MDS_QUERY": "1", "ALLOW_MULTIPLE_LIBTPU_LOAD": "true"}
    env.pop("JAX_COMPILATION_CACHE_DIR", None)
    kept = [flag for flag in env.get("XLA_FLAGS", "").split() if "device_count" not in flag]
    if topology.startswith("cpu"):
        kept.append(f"--xla_force_host_platform_device_count={chips}")
    return env | {"XLA_FLAGS": " ".join(kept)}


def compile(
    request: dict[str, Any],
    limit: float,
    *,
    fresh: bool = False,
    tell: Callable[[str], None] = lambda line: None,
    tick: float = 30.0,
) -> dict[str, Any]:
    """What the worker found: {"facts", "compile_seconds", "cached"}, or {"full": reason} where the program needs more
    memory than a chip has, or {"late": seconds} when the limit was reached.

    Args:
      request: what `worker` reads.
      limit: seconds.
      fresh: compile again what the cache holds.
      tell: is given a line of progress every `tick` seconds.

    Raises:
      UserError: the worker refused or died; its last words are quoted.
    """
    place = cache_folder() / f"{key(request)}.json"
    if not fresh and place.is_file():
        try:
            return {**json.loads(place.read_text()), "cached": True}
        except ValueError:
            place.unlink(missing_ok=True)
    found = _ask(request, limit, tell, tick)
    if "facts" in found or "full" in found:
        place.parent.mkdir(parents=True, exist_ok=True)
        part = place.with_suffix(f".{os.getpid()}")
        part.write_text(json.dumps(found))
        part.replace(place)
    return {**found, "cached": False}


def _ask(request: dict[str, Any], limit: float, tell: Callable[[str], None], tick: float) -> dict[str, Any]:
    what = request["task"] or "training step"
    begun = time.monotonic()
    worker = subprocess.Popen(
        [sys.executable, "-m", "jaxgen.plan.worker"],
        env=environment(request["topology"], request["chips"]),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    heard: dict[str, Any] = {}
    errors: list[str] = []

    def listen() -> None:
        for line in worker.stdout or ():
            event = json.loads(line)
            heard[event.pop("event")] = event

    threads = [
        threading.Thread(target=listen, daemon=True),
        threading.Thread(target=lambda: errors.extend(worker.stderr or ()), daemon=True),
    ]
    for thread in threads:
        thread.start()
    try:
        assert worker.stdin is not None
        worker.stdin.write(json.dumps(request))
        worker.stdin.close()
        while worker.poll() is None:
            passed = time.monotonic() - begun
            if passed > limit:
                return {"late": limit}
            phase = "compiling" if "lowered" in heard else "tracing"
            tell(f"{phase} the {what} for {request['topology']}: {passed:.0f} s of at most {limit:.0f}")
            try:
                worker.wait(min(tick, max(limit - passed, 0.01)))
            except subprocess.TimeoutExpired:
                continue
    finally:
        worker.kill()
        worker.wait()
    for thread in threads:
        thread.join(timeout=5)
    return _answer(heard, errors, what, worker.returncode)


def _answer(heard: dict[str, Any], errors: list[str], what: str, code: int) -> dict[str, Any]:
    if "done" in heard:
        return dict(heard["done"])
    if "full" in heard:
        return {"full": heard["full"]["reason"], "used": used(heard["full"]["reason"])}
    if "refused" in heard:
        raise UserError(heard["refused"]["reason"])
    said = next((line.strip() for line in reversed(errors) if line.strip()), f"code {code}")
    raise UserError(f"The compiler of the {what} ended without an answer: {said[:300]}")


def used(reason: str) -> float | None:
    """Bytes that a TPU compiler says a program needs, from its "Used 20.5G of 15.7G hbm"."""
    match = re.search(r"Used ([\d.]+)([KMGT]) of [\d.]+[KMGT] hbm", reason)
    return float(match[1]) * 2 ** {"K": 10, "M": 20, "G": 30, "T": 40}[match[2]] if match else None
