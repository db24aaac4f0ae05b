"""Training in processes of its own, so that it can be slowed, killed and looked at from outside."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

CHILD = """
import os, signal, sys, threading, time
from jaxgen import cli, training

pause, save_number, delay = float(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
fit, save, saves = training.fit, training.Checkpoints.save, []

def slowly(method, strategy, batch, **settings):
    return fit(method, strategy, lambda step: (time.sleep(pause), batch(step))[1], **settings)

def save_and_die(self, step, *rest):
    saves.append(step)
    if len(saves) == save_number:
        threading.Timer(delay, lambda: os.kill(os.getpid(), signal.SIGKILL)).start()
    save(self, step, *rest)
    if len(saves) == save_number:
        time.sleep(60)

training.fit, training.Checkpoints.save = slowly, save_and_die
sys.exit(cli.main(sys.argv[4:]))
"""


def start(log: Path, *words, pause: float = 0.0, die_in_save: int = 0, delay: float = 0.0, **env) -> subprocess.Popen:
    """`jaxgen train WORDS`, its output in `log`.

    Args:
      pause: seconds added to every batch.
      die_in_save: SIGKILL `delay` seconds after the beginning of this save (counted from 1); 0: never.
    """
    argv = [sys.executable, "-c", CHILD, pause, die_in_save, delay, "train", *words]
    with log.open("w") as file:
        return subprocess.Popen([str(x) for x in argv], stdout=file, stderr=file, env={**os.environ, **env})


def several(folder: Path, *words, count=2, devices=2, pause=0.0, each=((), (), (), ())) -> list[subprocess.Popen]:
    """`count` processes of `devices` devices each, with words of their own; their output in `folder`/I.log."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    flags = [flag for flag in os.environ["XLA_FLAGS"].split() if "device_count" not in flag]
    flags.append(f"--xla_force_host_platform_device_count={devices}")
    found = ["--coordinator", f"localhost:{port}", "--processes", count, "--process-id"]
    settings = dict(pause=pause, XLA_FLAGS=" ".join(flags))
    return [start(folder / f"{i}.log", *words, *each[i], *found, i, **settings) for i in range(count)]


def saved(run: Path) -> list[int]:
    """Steps with a finished checkpoint."""
    folder = run / "checkpoints"
    return sorted(int(entry.name) for entry in folder.glob("*") if entry.name.isdecimal())


def begun(run: Path) -> set[tuple[str, int]]:
    """Checkpoints, finished or not, each with its inode: one that is begun again is another."""
    found = set()
    for entry in (run / "checkpoints").glob("*"):
        with contextlib.suppress(FileNotFoundError):
            found.add((entry.name, entry.stat().st_ino))
    return found


def wait_until(ready, children, seconds: float = 240) -> None:
    """Until `ready()`; fails if a child ends before, or after `seconds`."""
    deadline = time.monotonic() + seconds
    while not ready():
        codes = [child.poll() for child in children]
        assert codes == [None] * len(codes), f"ended before its time: {codes}"
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.02)


def end(children) -> None:
    for child in children:
        if child.poll() is None:
            child.kill()
            child.wait()
