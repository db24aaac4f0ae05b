"""Several processes on this machine: one is killed, one is told to stop, and the state is that of a single process."""

import json
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from jaxgen import api, training
from jaxgen.parallel import launch

sys.path.insert(0, str(Path(__file__).parent))
import fault_tools as tools

NAME = "diffusion/ddpm_digits:smoke"
EVERY = ["train.checkpoint_every=2", "train.sample_every=0", "train.log_every=50", "train.samples=2"]
# So that neither the length of a run nor rounding decides where weights without a gradient go.
EVERY += ["optim.schedule=constant", "optim.eps=1e-3"]
FSDP = ["mesh.fsdp=2", "mesh.small=64"]


def arrays(run):
    found = training.Checkpoints(run / "checkpoints").arrays(("params", "ema"))
    return dict(leaves(found))


def leaves(tree, path=""):
    for key, value in tree.items():
        yield from leaves(value, f"{path}/{key}") if isinstance(value, dict) else [(f"{path}/{key}", value)]


def assert_near(left, right):
    assert left.keys() == right.keys()
    for name, value in left.items():
        np.testing.assert_allclose(value, right[name], rtol=1e-4, atol=1e-5, err_msg=name)


def test_two_processes_lose_one_stop_and_go_on_as_one(tmp_path):
    """One process is killed: the other says so and leaves within seconds. Both start again, and SIGTERM reaches one:
    both save at the same step and leave. One process with four devices ends the run."""
    run, slow = tmp_path / "run", dict(pause=0.05)
    words = [NAME, "train.steps=400", *EVERY, *FSDP, "train.checkpoint_every=20", "--workdir", run]
    children = tools.several(tmp_path, *words, **slow)
    try:
        tools.wait_until(lambda: tools.saved(run), children)
        time.sleep(0.4)  # between two saves
        children[1].kill()
        begun = time.monotonic()
        code = children[0].wait(timeout=60)
        lost = time.monotonic() - begun
    finally:
        tools.end(children)
    said = (tmp_path / "0.log").read_text()
    assert code == 1, said
    assert lost < 30, said
    assert said.count("jaxgen: ") == 1
    assert launch.LOST_PEER in said

    before = tools.saved(run)
    children = tools.several(tmp_path, *words, **slow)
    try:
        tools.wait_until(lambda: tools.saved(run)[-1] > before[-1], children)
        children[1].send_signal(signal.SIGTERM)
        begun = time.monotonic()
        codes = [child.wait(timeout=60) for child in children]
        stopped = time.monotonic() - begun
    finally:
        tools.end(children)
    said = [(tmp_path / f"{i}.log").read_text() for i in range(2)]
    assert codes == [0, 0], said
    assert stopped < 60, said
    last = tools.saved(run)[-1]
    assert said[0].count(f"Stopped by SIGTERM at step {last}; the state is saved") == 1
    assert "Stopped by" not in said[1]
    starts = json.loads((run / "run.json").read_text())
    assert [start["processes"] for start in starts] == [2, 2]
    print(f"lost in {lost:.1f} s, stopped in {stopped:.1f} s")

    steps = [f"train.steps={last + 2}", *EVERY]
    api.train(NAME, steps, workdir=run, progress=False)
    api.train(NAME, steps, workdir=tmp_path / "one", progress=False)
    assert_near(arrays(run), arrays(tmp_path / "one"))


@pytest.mark.long
@pytest.mark.parametrize("wait", [0.3, 0.6, 0.9, 1.2])
@pytest.mark.parametrize("killed", [1, 0])
def test_a_loss_inside_a_save(tmp_path, killed, wait):
    """A save does not meet the loss by itself: it waits for the other. When process 0 is killed, to which the others
    are connected, jax aborts them, and the witness speaks unless the save's error was quicker."""
    run = tmp_path / "run"
    words = [NAME, "train.steps=4000", *EVERY, *FSDP, "train.checkpoint_every=1", "--workdir", run]
    children = tools.several(tmp_path, *words)
    try:
        tools.wait_until(lambda: tools.saved(run), children)
        time.sleep(wait)
        children[killed].kill()
        begun = time.monotonic()
        code = children[1 - killed].wait(timeout=60)
        lost = time.monotonic() - begun
    finally:
        tools.end(children)
    said = (tmp_path / f"{1 - killed}.log").read_text()
    print(f"process {killed} lost in {lost:.1f} s")
    assert code == 1 or (killed == 0 and code == -signal.SIGABRT), said
    assert lost < 30, said
    assert said.count("jaxgen: ") == 1
    assert launch.LOST_PEER in said or (killed == 0 and launch.AGAIN in said)


@pytest.mark.long
@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize("mesh", [[], FSDP, ["mesh.data=1", "mesh.fsdp=1", "mesh.tensor=4", "mesh.rules={}"]], ids=str)
def test_processes_train_like_one(tmp_path, count, mesh):
    """Data parallel, FSDP, and weights divided across all processes, which then see the same examples."""
    rules = '(("kernel$",(None,"tensor")),)'
    words = [NAME, "train.steps=6", *EVERY, *(word.format(rules) for word in mesh)]
    children = tools.several(tmp_path, *words, "--workdir", tmp_path / "run", count=count, devices=4 // count)
    try:
        codes = [child.wait(timeout=300) for child in children]
    finally:
        tools.end(children)
    assert codes == [0] * count, (tmp_path / "0.log").read_text()
    assert len(list((tmp_path / "run" / "samples").iterdir())) == 1
    assert "Trained" not in (tmp_path / "1.log").read_text()
    api.train(NAME, words[1 : 2 + len(EVERY)], workdir=tmp_path / "one", progress=False)
    assert_near(arrays(tmp_path / "run"), arrays(tmp_path / "one"))


@pytest.mark.long
@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ([], ["optim.lr=0.5"], "Process 1 has another config than process 0"),
        (["train.batch_size=6"], ["train.batch_size=6"], "A batch of 6 does not divide over 4 devices, 2 processes"),
        (["mesh.fsdp=3"], ["mesh.fsdp=3"], "does not fit 4 devices"),
    ],
)
def test_bad_input_is_said_once_by_each(tmp_path, first, second, words):
    children = tools.several(tmp_path, NAME, "--workdir", tmp_path / "run", each=(first, second))
    try:
        assert [child.wait(timeout=120) for child in children] == [2, 2]
    finally:
        tools.end(children)
    for index in range(2):
        said = (tmp_path / f"{index}.log").read_text()
        assert said.count("jaxgen: ") == 1
        assert words in said
    assert not (tmp_path / "run").exists()
