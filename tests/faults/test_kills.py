"""Runs killed at arbitrary moments, saves under way included, end in the state of one that was not, bit for bit."""

import random
import signal
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen import api, parallel, training
from jaxgen.zoo import configs, methods

sys.path.insert(0, str(Path(__file__).parent))
import fault_tools as tools

STEPS = ["train.steps=6", "train.checkpoint_every=3", "train.sample_every=6", "train.log_every=3"]


def final_state(workdir, name, changes):
    """The newest checkpoint, whole, as numpy."""
    config = configs.load(name, changes)
    source = api.data.load(config.data)
    method = methods.build(config, source.info)
    strategy = parallel.jit_strategy(method, parallel.make_mesh(devices=jax.devices()[:1]))
    batch = source.batches("train", config.train.batch_size, 0, per_step=method.batches_per_step)(0)
    with training.Checkpoints(workdir / "checkpoints") as store:
        step, state = store.restore_latest(strategy.abstract(jax.random.key(0), batch, {}))
    return step, jax.tree.map(
        lambda x: np.asarray(jax.random.key_data(x) if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) else x), state
    )


def assert_same(left, right):
    (step_a, a), (step_b, b) = left, right
    assert step_a == step_b
    for (path, x), y in zip(jax.tree_util.tree_leaves_with_path(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_array_equal(x, y, err_msg=jax.tree_util.keystr(path))


@pytest.mark.parametrize(
    ("name", "save", "delay"),
    [("gan/dcgan_digits:smoke", 1, 0.01), ("vae/mlp_digits:smoke", 2, 0.0), ("diffusion/ddpm_digits:smoke", 2, 0.03)],
)
def test_a_run_killed_inside_a_save_goes_on_exactly(name, save, delay, tmp_path):
    """Whether the save that was under way counts or not."""
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    api.train(name, STEPS, workdir=straight, progress=False)
    words = [name, *STEPS, "--workdir", killed, "--quiet"]
    child = tools.start(tmp_path / "log", *words, die_in_save=save, delay=delay)
    assert child.wait(timeout=300) == -signal.SIGKILL, (tmp_path / "log").read_text()
    api.train(name, STEPS, workdir=killed, progress=False)
    assert_same(final_state(straight, name, STEPS), final_state(killed, name, STEPS))
    assert not list((killed / "checkpoints").glob("*tmp*"))


@pytest.mark.long
@pytest.mark.parametrize("name", ["gan/dcgan_digits:smoke", "diffusion/ddpm_digits:smoke"])
def test_twenty_five_kills(name, tmp_path):
    """At random moments between a start and its end; the seeds make the moments, the machine the rest."""
    changes = ["train.steps=120", "train.checkpoint_every=4", "train.sample_every=0", "train.log_every=4"]
    api.train(name, changes, workdir=tmp_path / "straight", progress=False)
    expected = final_state(tmp_path / "straight", name, changes)
    chance, kills, runs, seconds = random.Random(0), 0, 0, []
    while kills < 25:
        runs, folder = runs + 1, tmp_path / f"killed {runs}"
        while kills < 25:
            before, since = tools.begun(folder), time.monotonic()
            child = tools.start(tmp_path / "log", name, *changes, "--workdir", folder, "--quiet", pause=0.03)
            try:
                # Half of them as soon as a save is under way, the others anywhere in the life of a run.
                if chance.random() < 0.5:
                    # A run that was killed after its last save has nothing left to save, and ends.
                    tools.wait_until(lambda b=before, f=folder, c=child: tools.begun(f) - b or c.poll() is not None, [])
                    seconds.append(time.monotonic() - since)
                    time.sleep(chance.uniform(0, 0.3))
                else:
                    time.sleep(chance.uniform(3, 12))
                if child.poll() is not None:
                    break
            finally:
                tools.end([child])
            kills += 1
        api.train(name, changes, workdir=folder, progress=False)
        assert_same(final_state(folder, name, changes), expected)
        rows = [row["step"] for row in training.read_metrics(folder / "metrics.jsonl")]
        assert rows == list(range(4, 121, 4))
        assert not list((folder / "checkpoints").glob("*tmp*"))
    print(f"{name}: {kills} kills, {runs} runs; start to next save {np.median(seconds):.1f} s (median)")
