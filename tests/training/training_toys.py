"""A toy run for the loop: a linear model with noise in the step, fast to compile."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxgen import parallel, training
from jaxgen.core import Aux, each, minimize
from jaxgen.optim import averages

SETTINGS = dict(
    steps=12, steps_per_call=1, log_every=4, sample_every=6, checkpoint_every=4, keep=3, seed=0, batch_size=4
)


def batch(step):
    x = np.random.default_rng([1, step]).normal(size=(4, 3)).astype(np.float32)
    return {"x": x, "y": x.sum(axis=1)}


def method(explode_at: int = -1):
    """`explode_at`: the step (0 is the first) in which the metric "model/odd" is not a number."""

    def loss(params, state, batch, keys):
        noise = 0.1 * each(jax.random.normal, keys, (3,))
        error = (batch["x"] + noise) @ params["w"] - batch["y"]
        odd = jnp.where(state.step == explode_at, jnp.nan, 1.0)
        return error**2, Aux(metrics={"odd": odd})

    def init(rng, batch, frozen):
        return {"w": jax.random.normal(rng, (3,))}, {}

    return minimize(init, loss, optax.adam(0.05), {}, averages=averages({"ema": {"kind": "constant", "decay": 0.9}}))


def strategy(made=None, **options):
    return parallel.jit_strategy(made or method(), parallel.make_mesh(devices=jax.devices()[:1]), **options)


def run(workdir, *, made=None, batch_fn=batch, draw=None, records=None, progress=False, profile=0, **settings):
    made = made or method()
    settings = {**SETTINGS, **settings}
    return training.fit(
        made,
        strategy(made, steps_per_call=settings["steps_per_call"]),
        batch_fn,
        settings=settings,
        workdir=workdir,
        rng=jax.random.key(settings["seed"]),
        records=records,
        draw=draw,
        examples_per_step=4,
        progress=progress,
        profile=profile,
    )


def run_on_four(folder, steps, rows=slice(None)):
    """On a mesh of four devices, in as many processes as there are; `rows` is this process's part of the batch."""
    made = method()
    return training.fit(
        made,
        parallel.jit_strategy(made, parallel.make_mesh(2, 2), small=2),
        lambda step: {name: value[rows] for name, value in batch(step).items()},
        settings={**SETTINGS, "steps": steps},
        workdir=folder,
        rng=jax.random.key(0),
        examples_per_step=4,
        progress=False,
    )


def numbers(state):
    """The whole state as numpy, keys as their data."""
    return [
        np.asarray(jax.random.key_data(x) if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) else x)
        for x in jax.tree.leaves(state)
    ]


def assert_equal(left, right):
    """Bit for bit."""
    for a, b in zip(numbers(left), numbers(right), strict=True):
        assert a.dtype == b.dtype
        assert a.tobytes() == b.tobytes()
