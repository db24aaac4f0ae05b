"""N steps straight equal N/2 steps, a kill, and N/2 steps, bit for bit: one GAN, one VAE, one diffusion config."""

import os
import signal
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen import api, parallel, training
from jaxgen.zoo import configs, methods

STEPS = ["train.steps=6", "train.checkpoint_every=3", "train.sample_every=6", "train.log_every=3"]

KILLED_AFTER_SAVING = """
import os, signal, sys
from jaxgen import cli, training

save = training.Checkpoints.save

def save_then_die(self, step, state, **kwargs):
    save(self, step, state, **kwargs)
    self.wait()
    if step == 3:
        os.kill(os.getpid(), signal.SIGKILL)

training.Checkpoints.save = save_then_die
cli.main(sys.argv[1:])
"""


def final_state(workdir, name):
    """The newest checkpoint, whole, as numpy."""
    config = configs.load(name, STEPS)
    source = api.data.load(config.data)
    method = methods.build(config, source.info)
    strategy = parallel.jit_strategy(method, parallel.make_mesh(devices=jax.devices()[:1]))
    batch = source.batches("train", config.train.batch_size, 0, per_step=method.batches_per_step)(0)
    with training.Checkpoints(workdir / "checkpoints") as store:
        step, state = store.restore_latest(strategy.abstract(jax.random.key(0), batch, {}))
    return step, jax.tree.map(
        lambda x: np.asarray(jax.random.key_data(x) if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) else x), state
    )


@pytest.mark.parametrize("name", ["gan/dcgan_digits:smoke", "vae/mlp_digits:smoke", "diffusion/ddpm_digits:smoke"])
def test_a_killed_run_goes_on_exactly(name, tmp_path):
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    api.train(name, STEPS, workdir=straight, progress=False)
    command = [sys.executable, "-c", KILLED_AFTER_SAVING, "train", name, *STEPS, "--workdir", str(killed), "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ, timeout=300)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not (killed / "checkpoints" / "6").exists()
    api.train(name, STEPS, workdir=killed, progress=False)
    (step_a, a), (step_b, b) = final_state(straight, name), final_state(killed, name)
    assert step_a == step_b == 6
    for (path, x), y in zip(jax.tree_util.tree_leaves_with_path(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_array_equal(x, y, err_msg=jax.tree_util.keystr(path))
