"""One config after another, each in processes of its own; what they say becomes one sheet of figures (JSON)."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxgen.benchmark import probes
from jaxgen.core import UserError

FORMAT = 1
USUAL = (
    "gan/dcgan_digits",
    "vae/conv_digits",
    "diffusion/edm_digits",
    "diffusion/ddpm_digits",
    "flow/glow_digits",
    "autoregressive/pixelcnn_digits",
    "mixture/full_digits",
    "random_field/ising_digits",
    "video/convlstm_digits",
)
"""What is measured where nothing is named: the families whose data come with the package."""
QUICK = ("gan/dcgan_digits", "vae/conv_digits", "diffusion/ddpm_digits")


class Settings(NamedTuple):
    """What is asked of every config."""

    overrides: tuple[str, ...] = ()
    batches: tuple[int, ...] = (1, 16)
    seconds: float = 5.0
    """Of steady measurement, for each batch size."""
    task: str = ""
    train: bool = False


class Refused(Exception):
    """A worker could not measure: the reason in one sentence."""


Said = dict[str, dict[str, Any]]
"""event -> its facts, with "clock": seconds since the process was started, by the asking process."""
Ask = Callable[[Mapping[str, Any], Path], Said]
"""(request, folder of the compilation cache) -> what the worker said."""


def ask(request: Mapping[str, Any], cache: Path) -> Said:
    """Give a request to a worker process.

    Raises:
      Refused: it could not do it.
      Wrong: what it measured is not worth a figure.
    """
    environment = {
        **os.environ,
        "JAX_COMPILATION_CACHE_DIR": str(cache),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }
    command = [sys.executable, "-m", "jaxgen.benchmark.worker", json.dumps(request)]
    with tempfile.TemporaryFile("w+") as errors:
        begun = time.perf_counter()
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True) as worker:
            assert worker.stdout is not None
            said = {}
            for line in worker.stdout:
                facts = json.loads(line)
                said[facts.pop("event")] = {**facts, "clock": time.perf_counter() - begun}
        if "wrong" in said:
            raise probes.Wrong(said["wrong"]["reason"])
        if "refused" in said:
            raise Refused(said["refused"]["reason"])
        if worker.returncode or "done" not in said:
            errors.seek(0)
            last = next((line.strip() for line in reversed(errors.readlines()) if line.strip()), "no message")
            raise Refused(f"the process ended with code {worker.returncode}: {last}")
        return said


def measure(name: str, settings: Settings, ask: Ask = ask) -> dict[str, Any]:
    """The figures of one config.

    Raises:
      Refused, Wrong: as `ask`.
    """
    with tempfile.TemporaryDirectory(prefix="jaxgen-benchmark-") as folder:
        scratch = Path(folder)
        cold, warm = (_train if settings.train else _sample)(name, settings, scratch, ask)
    figures = {key: warm["done"][key] for key in ("task", "parameters", "rows", "memory", "matmul_rate", "about")}
    return {
        "config": name,
        "overrides": list(settings.overrides),
        "cold": _start(cold["first"]),
        "warm": _start(warm["first"]),
        **figures,
    }


def _start(first: Mapping[str, Any]) -> dict[str, float]:
    """How a process began.

    "first": from its start to the first result, on the clock of the asking process; "compile": in XLA or, from a warm
    cache, reading what XLA made; "call": the first call as a whole, tracing and running included.
    """
    return {"first_seconds": first["clock"], "compile_seconds": first["compile"], "call_seconds": first["call"]}


def _sample(name: str, settings: Settings, scratch: Path, ask: Ask) -> tuple[Said, Said]:
    """What a process with an empty compilation cache says, and what one says that finds it filled."""
    run = str(scratch / "run")
    ask({"job": "save", "config": name, "overrides": list(settings.overrides), "workdir": run}, scratch / "other")
    batches = sorted(set(settings.batches))
    both = []
    for kind, seconds in (("cold", 0.0), ("warm", settings.seconds)):
        request = {"job": "sample", "workdir": run, "task": settings.task, "batches": batches, "seconds": seconds}
        both.append(ask({**request, "images": str(scratch / f"{kind}.npz")}, scratch / "xla"))
    _same(scratch / "cold.npz", scratch / "warm.npz")
    return both[0], both[1]


def _same(one: Path, other: Path) -> None:
    """Raise `Wrong` unless two processes drew the same from the same seed, up to rounding."""
    with np.load(one) as a, np.load(other) as b:
        apart = np.abs(a["first"].astype(np.float64) - b["first"].astype(np.float64))
        unit = 1.0 if a["first"].dtype == np.uint8 else 1e-3 * max(1.0, float(np.abs(a["first"]).max()))
    if not np.mean(apart <= unit) > 0.99:
        raise probes.Wrong("a process that compiled and one that read the compilation cache drew different images")


def _train(name: str, settings: Settings, scratch: Path, ask: Ask) -> tuple[Said, Said]:
    request = {"job": "steps", "config": name, "overrides": list(settings.overrides)}
    cold, warm = (ask({**request, "seconds": seconds}, scratch / "xla") for seconds in (0.0, settings.seconds))
    return cold, warm


def collect(
    names: list[str], settings: Settings, begin: Callable[[str], None] = lambda name: None, ask: Ask = ask
) -> Iterator[tuple[str, dict[str, Any] | None, str, bool]]:
    """(config, figures or None, why there are none, whether that is a fault) for each of `names`."""
    for name in names:
        begin(name)
        try:
            yield name, measure(name, settings, ask), "", False
        except Refused as reason:
            yield name, None, str(reason), False
        except probes.Wrong as reason:
            yield name, None, str(reason), True


def sheet(results: list[dict[str, Any]], missing: dict[str, str], settings: Settings) -> dict[str, Any]:
    """Everything that was found, with the machine and the versions it was found on."""
    about = dict(results[0]["about"]) if results else {}
    kept = ("python", "packages", "platform", "device", "devices", "processes", "machine", "git")
    return {
        "format": FORMAT,
        "command": sys.argv,
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "kind": "train" if settings.train else "sample",
        "settings": settings._asdict(),
        "hardware": {"processor": processor(), "cpus": os.cpu_count(), "load": probes.load()},
        **{key: about.get(key) for key in kept},
        "results": [{key: value for key, value in result.items() if key != "about"} for result in results],
        "missing": missing,
    }


def processor() -> str:
    """The model of the CPU, as the system calls it."""
    import platform

    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return (models or [platform.processor() or platform.machine()])[0]


def check(settings: Settings) -> None:
    """Raise a `UserError` for settings that measure nothing."""
    if not settings.batches or min(settings.batches) < 1:
        raise UserError("--batch takes whole numbers from 1, such as 1,16.")
    if settings.seconds <= 0:
        raise UserError(f"--seconds should be positive, not {settings.seconds:g}.")
