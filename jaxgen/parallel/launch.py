"""Starting as one of several processes, and ending with them.

jax.distributed is the engine: it finds the processes and watches their heartbeats. Added here are the sentences. An
orderly failure is told to the others through the coordinator's key-value store, so that each says why it stops. When
a process was killed jax tells who is left, and each of these ends in order. A process that jax or the system ends
without a word (SIGKILL, a lost coordinator) has a witness, a small process that sees its pipe close and says so.
"""

import atexit
import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from typing import Any

import jax

from jaxgen.core import UserError

HEARTBEAT = 10
"""Seconds without a sign of life after which a process counts as dead."""
PATIENCE = 300
"""Seconds to wait for the others at the start."""
LAST = 3600
"""Seconds to wait for the others at the end: process 0 may still be drawing."""
HELP = "Name --coordinator, --processes and --process-id, or train in this process alone with --processes 1."
KEY = "jaxgen/failed"
RANKS = (("SLURM_PROCID", "SLURM_NTASKS"), ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"), ("PMI_RANK", "PMI_SIZE"))
"""Where launchers say which of how many processes this is."""
WITNESS = """
import signal, sys
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP): signal.signal(number, signal.SIG_IGN)
if b"done" not in sys.stdin.buffer.read(): sys.stderr.write(sys.argv[1])
"""


def start(coordinator: str = "", processes: int = 0, process_id: int = -1, timeout: int = PATIENCE) -> None:
    """Join the other processes, before jax touches a device. Does nothing in a process that is alone.

    Args:
      coordinator: HOST:PORT of process 0. Without it jax looks for a TPU pod, SLURM, Open MPI and Kubernetes.
      processes: how many there are, and `process_id` which of them this is; from the launcher's environment where left
        out. processes=1: alone, whatever the environment says.
      timeout: seconds to wait for the others.

    Raises:
      UserError: settings that do not fit together, or a cluster whose coordinator jax cannot name.
    """
    if processes == 1 and not coordinator:
        return
    launcher: str | None = "the command line"
    how: dict[str, Any] = {}
    if coordinator:
        count, index = _ranks(processes, process_id)
        _check(coordinator, count, index)
        how = dict(coordinator_address=coordinator, num_processes=count, process_id=index)
        how["cluster_detection_method"] = "deactivate"
    elif processes or process_id >= 0:
        raise UserError("--processes and --process-id need --coordinator HOST:PORT, the address of process 0.")
    else:
        launcher = _launcher(os.environ)
        if launcher is None:
            return
    with _deadline(timeout, coordinator, how.get("process_id")):
        try:
            # Otherwise jax aborts every process as soon as one is lost, often before a word can be said.
            jax.config.update("jax_enable_recoverability", True)
            # jax ends the process by itself when its own time is up; ours comes first, with a sentence.
            jax.distributed.initialize(**how, initialization_timeout=timeout + 60, heartbeat_timeout_seconds=HEARTBEAT)
        except Exception as error:
            if isinstance(error, ValueError) and launcher == "":
                return
            raise UserError(f"This process could not join the others: {_line(error)}. {HELP}") from None
    _watch()


def _ranks(processes: int, process_id: int) -> tuple[int, int]:
    """(how many, which), filled in from the launcher."""
    for rank, size in RANKS:
        if processes < 1 and process_id < 0 and rank in os.environ and size in os.environ:
            return int(os.environ[size]), int(os.environ[rank])
    return processes, process_id


def _check(coordinator: str, count: int, index: int) -> None:
    host, _, port = coordinator.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise UserError(f"--coordinator {coordinator} should read HOST:PORT, e.g. 10.0.0.1:8476.")
    if count < 1 or index < 0:
        raise UserError("--coordinator needs --processes N, how many there are, and --process-id I, which this is.")
    if index >= count:
        raise UserError(f"--process-id {index} is not one of {count} processes; they count from 0 to {count - 1}.")


def _launcher(env: Any) -> str | None:
    """Who has started several processes; "" where only jax can tell (a TPU pod); None where this is surely alone."""
    if int(env.get("OMPI_COMM_WORLD_SIZE", 1)) > 1:
        return "Open MPI"
    if int(env.get("SLURM_NTASKS", 1)) > 1 and "SLURM_STEP_NODELIST" in env:
        return "SLURM"
    platforms = env.get("JAX_PLATFORMS", "")
    pods = not platforms or "tpu" in platforms
    if "KUBERNETES_SERVICE_HOST" in env and not (pods and "TPU_WORKER_HOSTNAMES" in env):
        return "Kubernetes" if "JOB_COMPLETION_INDEX" in env else None
    # A single task of a launcher: jax would join it alone and see one of its devices only.
    alone = any(size in env for _, size in RANKS[:2])
    return "" if pods and not alone else None


@contextlib.contextmanager
def _deadline(timeout: int, coordinator: str, index: int | None) -> Iterator[None]:
    """Leave with a sentence and code 2 after `timeout` seconds: jax waits in its own code and would abort."""

    def late():
        if coordinator and index and not _answers(coordinator):
            why = f"nothing answers at {coordinator}; start process 0 there, and check the address and the firewall"
        else:
            why = "not all processes have come; check that every one was started, with the same --coordinator"
        _end(2, f"No connection to the other processes within {timeout} s: {why}.")

    timer = threading.Timer(timeout, late)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _answers(coordinator: str) -> bool:
    host, _, port = coordinator.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=3):
            return True
    except OSError:
        return False


def _line(error: BaseException) -> str:
    text = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return text.rstrip(".")[:200]


# ---- ending together

_joined = False
_leaving = threading.Event()
_witness: subprocess.Popen | None = None
_last_words = threading.Lock()
"""Taken by whoever ends this process, and never given back: one sentence each."""


def _distributed() -> Any:
    """What jax.distributed knows of this process, without starting a backend: `client` (the key-value store),
    `process_id`, `num_processes`. None in a process that is alone, or where this jax keeps it elsewhere."""
    try:
        from jax._src import distributed

        return distributed.global_state if distributed.global_state.client is not None else None
    except (ImportError, AttributeError):
        return None


def name() -> str:
    """ "process 1 of 4 (HOST)"."""
    known = _distributed()
    return f"process {known.process_id} of {known.num_processes} ({socket.gethostname()})" if known else "this process"


def _watch() -> None:
    """Wait in a thread for another process's failure, and set up the witness of this one."""
    global _joined, _witness
    _joined = True
    atexit.register(_part)
    known = _distributed()
    last = (
        f"jaxgen: {name()} was ended without a word: it was killed, or another process was lost. Whoever failed first "
        f"says why. {AGAIN}\n"
    )
    with contextlib.suppress(OSError):
        _witness = subprocess.Popen([sys.executable, "-ISc", WITNESS, last], stdin=subprocess.PIPE)
    if known is not None:
        for task in (_listen, _count):
            threading.Thread(target=task, args=(known,), name=f"jaxgen{task.__name__}", daemon=True).start()


def _listen(known: Any) -> None:
    while True:
        time.sleep(0.5)
        try:
            told = json.loads(known.client.key_value_try_get(KEY))
        except Exception:  # not there, or the coordinator is gone, which jax itself notices
            continue
        if told["process"] != known.process_id:
            _end(told["code"], f"{told['name']} has stopped: {told['why']}")


def _count(known: Any) -> None:
    """End when a process is missing. `get_live_nodes` returns when each process has called it or has lost its
    heartbeat, so a process that is busy is not taken for dead."""
    everyone = list(range(known.num_processes))
    while not _leaving.is_set():
        try:
            alive = known.client.get_live_nodes(everyone)
        except Exception:  # the coordinator is gone, for which jax ends this process
            return
        if len(alive) < len(everyone) and not _leaving.is_set():
            _end(1, LOST_PEER)
        time.sleep(0.5)


def _part() -> None:
    """The end of a process that went well: together with the others, and process 0, where all are connected, last."""
    _leaving.set()
    known = _distributed()
    if known is not None:
        try:
            known.client.wait_at_barrier("jaxgen/end", LAST * 1000)
        except Exception:
            _end(1, LOST_PEER)
        while known.process_id == 0 and len(known.client.get_live_nodes(list(range(known.num_processes)))) > 1:
            time.sleep(0.05)
    _dismiss()


def _end(code: int, sentence: str, tell: bool = False) -> None:
    """Say it and leave at once: the normal way out waits for the other processes."""
    if not _last_words.acquire(blocking=False):
        threading.Event().wait()
    print(f"jaxgen: {sentence}", file=sys.stderr)
    sys.stdout.flush()
    sys.stderr.flush()
    _dismiss()
    if tell:
        _tell(code, sentence)
    os._exit(code)


def _tell(code: int, sentence: str) -> None:
    """Tell the others."""
    known = _distributed()
    if known is None:
        return
    told = {"process": known.process_id, "name": name(), "code": code, "why": sentence}
    with contextlib.suppress(Exception):
        known.client.key_value_set(KEY, json.dumps(told))
    # The others ask every half second, and process 0 answers them.
    time.sleep(2 if known.process_id == 0 else 0)


def _dismiss() -> None:
    if _witness is not None and _witness.stdin is not None:
        with contextlib.suppress(OSError, ValueError):
            _witness.stdin.write(b"done")
            _witness.stdin.close()


def leave(code: int, sentence: str) -> None:
    """End this process with a sentence, and the others with it. Never returns."""
    _end(code, sentence, tell=jax.distributed.is_initialized())


AGAIN = "Start all again to go on from the newest checkpoint."
LOST_PEER = f"Another process was lost. {AGAIN}"
LOST = ("gloo", "nccl", "coordination service", "heartbeat", "barrier failed", "connection closed by peer")
"""What errors of a step or of a save say when another process is no longer there."""


def last_words(error: BaseException) -> tuple[int, str]:
    """(exit code, sentence) for an error in one of several processes; the traceback of an unknown one is shown."""
    if any(sign in str(error).lower() for sign in LOST):
        return 1, LOST_PEER
    if isinstance(error, UserError):
        return 2, str(error)
    if isinstance(error, KeyboardInterrupt):
        return 130, "interrupted"
    if isinstance(error, SystemExit):
        return int(error.code or 0), "stopped"
    traceback.print_exception(error)
    return 1, f"{type(error).__name__}: {_line(error)}."


@contextlib.contextmanager
def together() -> Iterator[None]:
    """What runs within, in processes that `start` has joined, ends in all of them when it fails in one.

    It ends at once: what stands around it is not left in order, for a save that waits for a lost process would wait for
    ever. Errors with `shared` = True, which every process meets at the same step, pass as they are.
    """
    try:
        yield
    except BaseException as error:
        if not _joined or getattr(error, "shared", False):
            raise
        leave(*last_words(error))


def agree(config: str, workdir: str) -> None:
    """All processes have the same config (as text) and equally many devices.

    Raises:
      UserError: in every process, naming the first that differs and in what.
    """
    if jax.process_count() == 1:
        return
    known, index = _distributed(), jax.process_index()
    if known is None:
        return
    mine = json.dumps({"config": config, "workdir": workdir, "devices": jax.local_device_count()})
    known.client.key_value_set(f"jaxgen/start/{index}", mine)
    texts = [
        known.client.blocking_key_value_get(f"jaxgen/start/{i}", PATIENCE * 1000) for i in range(jax.process_count())
    ]
    first, *others = map(json.loads, texts)
    for other, found in enumerate(others, start=1):
        if found["devices"] != first["devices"]:
            raise UserError(
                f"Process {other} has {found['devices']} devices and process 0 has {first['devices']}; "
                "all need equally many."
            )
        if found != first:
            key = "config" if found["config"] != first["config"] else "workdir"
            pair = [part[key].splitlines() for part in (first, found)]
            lines = [(a.strip(" ,"), b.strip(" ,")) for a, b in zip(*pair) if a != b] or [("", "")]
            raise UserError(
                f"Process {other} has another {key} than process 0 ({lines[0][1]} instead of {lines[0][0]}); "
                "start all with the same command."
            )
