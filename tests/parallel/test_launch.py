"""Who starts several processes, and what is said where that does not work."""

import json
import socket
import subprocess
import sys

import pytest

from jaxgen.core import UserError
from jaxgen.parallel import launch

SLURM = {"SLURM_NTASKS": "4", "SLURM_PROCID": "2", "SLURM_STEP_NODELIST": "node[1-2]"}
MPI = {"OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "1"}
POD = {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}


@pytest.mark.parametrize(
    ("env", "found"),
    [
        ({}, ""),
        ({"JAX_PLATFORMS": "cpu"}, None),
        ({"JAX_PLATFORMS": "tpu,cpu"}, ""),
        (SLURM, "SLURM"),
        ({**SLURM, "JAX_PLATFORMS": "cpu"}, "SLURM"),
        ({**SLURM, "SLURM_NTASKS": "1"}, None),
        ({"SLURM_JOB_ID": "7"}, ""),
        (MPI, "Open MPI"),
        ({**MPI, "OMPI_COMM_WORLD_SIZE": "1"}, None),
        (POD, None),
        ({**POD, "JOB_COMPLETION_INDEX": "0"}, "Kubernetes"),
        ({**POD, "TPU_WORKER_HOSTNAMES": "a,b"}, ""),
        ({**POD, "TPU_WORKER_HOSTNAMES": "a,b", "JAX_PLATFORMS": "cpu"}, None),
    ],
)
def test_who_started_this(env, found):
    assert launch._launcher(env) == found


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("host", 2, 0), "HOST:PORT"),
        (("host:many", 2, 0), "HOST:PORT"),
        (("host:1", 0, -1), "--processes N"),
        (("host:1", 2, -1), "--process-id I"),
        (("host:1", 2, 2), "count from 0 to 1"),
        (("", 2, 0), "need --coordinator"),
        (("", 0, 1), "need --coordinator"),
    ],
)
def test_settings_that_do_not_fit(given, words, monkeypatch):
    for rank, size in launch.RANKS:
        monkeypatch.delenv(rank, raising=False)
        monkeypatch.delenv(size, raising=False)
    with pytest.raises(UserError, match=words):
        launch.start(*given)


def test_numbers_come_from_the_launcher(monkeypatch):
    for name, value in SLURM.items():
        monkeypatch.setenv(name, value)
    assert launch._ranks(0, -1) == (4, 2)
    assert launch._ranks(2, 1) == (2, 1)


def test_a_process_that_is_alone_is_left_alone(monkeypatch):
    monkeypatch.setattr(launch.jax.distributed, "initialize", lambda **_: pytest.fail("it looked for others"))
    launch.start()
    launch.start(processes=1)
    launch.agree("a config", "a folder")
    monkeypatch.setattr(launch, "leave", lambda code, sentence: pytest.fail("it told others"))
    with pytest.raises(KeyError), launch.together():
        raise KeyError


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (UserError("No such file."), 2, "No such file."),
        (ValueError("UNKNOWN: Gloo all-reduce failed: Connection closed by peer"), 1, "Another process was lost."),
        (KeyError("x"), 1, "KeyError: 'x'."),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_last_words(monkeypatch, error, code, says):
    """In joined processes an error ends all at once; one that all of them meet passes."""
    left = []
    monkeypatch.setattr(launch, "_joined", True)
    monkeypatch.setattr(launch, "leave", lambda *words: left.append(words))
    with launch.together():
        raise error
    assert left[0][0] == code
    assert left[0][1].startswith(says)
    error.shared = True
    with pytest.raises(type(error)), launch.together():
        raise error


def test_what_jax_cannot_join_is_one_sentence(monkeypatch):
    def fails(**_):
        raise ValueError("coordinator_address should be defined.")

    monkeypatch.setattr(launch.jax.distributed, "initialize", fails)
    for name in (*SLURM, *MPI, *POD, "JAX_PLATFORMS", "JOB_COMPLETION_INDEX"):
        monkeypatch.delenv(name, raising=False)
    launch.start()
    for name, value in MPI.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=r"could not join the others: coordinator_address .* --processes 1"):
        launch.start()


def test_nobody_answers():
    """The only process of two, and a coordinator that is not there: a sentence, code 2, in the time allowed."""
    said = {0: "not all processes have come", 1: "nothing answers at localhost:{}; start process 0 there"}
    words = (
        "train diffusion/ddpm_digits:smoke --processes 2 --join-timeout 2 --coordinator localhost:{} --process-id {}"
    )
    children = {}
    for index in said:
        with socket.socket() as free:
            free.bind(("localhost", 0))
            port = free.getsockname()[1]
        argv = [sys.executable, "-m", "jaxgen.cli", *words.format(port, index).split()]
        children[index] = port, subprocess.Popen(argv, stderr=subprocess.PIPE, text=True)
    for index, (port, child) in children.items():
        _, err = child.communicate(timeout=100)
        assert child.returncode == 2, err
        assert err.count("jaxgen: ") == 1
        assert f"within 2 s: {said[index].format(port)}" in err


def test_the_witness_speaks_only_of_a_sudden_end():
    for last, said in ((b"done", ""), (b"", "gone")):
        witness = subprocess.run([sys.executable, "-ISc", launch.WITNESS, "gone"], input=last, capture_output=True)
        assert witness.stderr.decode() == said


class _Store:
    """One process's view of the coordinator's key-value store."""

    def __init__(self, index, held):
        self.client, self.process_id, self.num_processes, self.held = self, index, 2, held

    def key_value_set(self, key, value):
        self.held[key] = value

    def blocking_key_value_get(self, key, wait):
        return self.held[key]


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (dict(config='{\n "lr": 0.5,\n "b": 1\n}'), r'Process 1 has another config .*"lr": 0.5 instead of "lr": 0.1'),
        (dict(workdir="there"), "Process 1 has another workdir .*there instead of here"),
        (dict(devices=3), "Process 1 has 3 devices and process 0 has 4"),
        ({}, ""),
    ],
)
def test_processes_that_disagree(monkeypatch, other, words):
    mine = dict(config='{\n "lr": 0.1,\n "b": 1\n}', workdir="here", devices=4)
    held = {"jaxgen/start/1": json.dumps({**mine, **other})}
    monkeypatch.setattr(launch, "_distributed", lambda: _Store(0, held))
    monkeypatch.setattr(launch.jax, "process_count", lambda: 2)
    monkeypatch.setattr(launch.jax, "local_device_count", lambda: 4)
    if not words:
        return launch.agree(mine["config"], mine["workdir"])
    with pytest.raises(UserError, match=words) as caught:
        launch.agree(mine["config"], mine["workdir"])
    assert "\n" not in str(caught.value)
