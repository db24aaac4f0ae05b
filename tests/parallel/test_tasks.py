"""Tasks in chunks: an output depends on seed and index alone, wherever and however many at a time it is made."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen import core, parallel
from jaxgen.core import Spec, Task, Weights


def _fn(weights, keys, inputs):
    noise = core.each(jax.random.normal, keys, (3,))
    return {"y": weights.params["model"] * inputs["x"] + noise}


TASK = Task(_fn, {"x": Spec("latent", (3,))}, {"y": Spec("latent", (3,))})
WEIGHTS = Weights({"model": jnp.float32(2.0)}, {}, {}, {})
X = np.arange(21, dtype=np.float32).reshape(7, 3)


def outputs(devices, chunk, **kwargs):
    mesh = parallel.make_mesh(devices=jax.devices()[:devices]) if devices > 1 else None
    program = parallel.task_program(TASK, mesh)
    settings = {"seed": 5, "count": 7, "inputs": {"x": X}} | kwargs
    return np.concatenate(
        [part["y"] for part in parallel.run_task(program, WEIGHTS, chunk=chunk, mesh=mesh, **settings)]
    )


@pytest.mark.parametrize(("devices", "chunk"), [(1, 2), (1, 7), (4, 3), (4, 64), (2, 1)])
def test_chunks_and_devices_do_not_matter(devices, chunk):
    """Weights that live on one device are brought to the mesh."""
    expected = outputs(1, 64)
    assert expected.shape == (7, 3)
    np.testing.assert_allclose(outputs(devices, chunk), expected, rtol=1e-6)


def test_index_and_seed_decide():
    later = outputs(1, 64, start=4, count=3, inputs={"x": X[4:]})
    np.testing.assert_allclose(later, outputs(1, 64)[4:], rtol=1e-6)
    assert (outputs(1, 64, seed=6) != outputs(1, 64)).all()
