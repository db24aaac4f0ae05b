"""The VAE as a method: recovery of a known evidence by training, labels, warm-up, tasks."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.stats

from jaxgen.core import UserError, weights
from jaxgen.methods.vae import SAMPLER, vae
from jaxgen.nets.roles import Net, functional
from jaxgen.nets.vae.mlp import MLPDecoder, MLPEncoder
from jaxgen.objectives.likelihoods import bernoulli, discretized_logistic, gaussian
from jaxgen.ops.images import to_float

KEY = jax.random.key(0)
IMAGE = (4, 4, 1)
QUICK = dict(importance=6, chunk=4, steps=3, rows=2)


def batch(count=8, seed=0, image=IMAGE):
    rng = np.random.default_rng(seed)
    return {
        "image": jnp.asarray(rng.integers(0, 256, (count, *image)), jnp.uint8),
        "label": jnp.asarray(np.arange(count) % 3, jnp.int32),
    }


def small(likelihood=None, classes=0, **settings):
    likelihood = likelihood or bernoulli()
    return vae(
        functional(MLPEncoder(2, hidden=(8,), classes=classes)),
        functional(MLPDecoder(IMAGE, likelihood.parameters, hidden=(8,), classes=classes)),
        likelihood,
        optax.adam(1e-2),
        image=IMAGE,
        latent=(2,),
        classes=classes,
        sampler=QUICK,
        **settings,
    )


def trained(method, steps, data):
    state = jax.jit(method.init)(KEY, data, {})
    state, metrics = jax.lax.scan(lambda s, _: method.step(s, data), state, None, steps)
    return state, metrics


def linear(shape, scale, noise):
    """Linear encoder with a free diagonal covariance, and linear decoder: probabilistic PCA."""
    size = int(np.prod(shape))

    def encode(params, stats, x, cond, train=False, rng=None, method=None):
        mean = x.reshape(x.shape[0], -1) @ params["w"] + params["b"]
        return (mean, jnp.broadcast_to(params["log_var"], mean.shape)), stats

    def decode(params, stats, z, cond, train=False, rng=None, method=None):
        return (z @ params["w"] + params["b"]).reshape(-1, *shape), stats

    def init(inward):
        def make(rng, *args, method=None):
            w = 0.1 * jax.random.normal(rng, (size, 2) if inward else (2, size))
            extra = {"log_var": jnp.zeros(2)} if inward else {}
            return {"w": w, "b": jnp.zeros(2 if inward else size), **extra}, {}

        return make

    return Net(init(True), encode), Net(init(False), decode)


def test_training_a_linear_model_recovers_the_evidence_of_probabilistic_pca():
    # Tipping & Bishop 1999: with the noise known, the best evidence is that of PCA; the bound is tight there.
    rng, shape, noise, count = np.random.default_rng(0), (2, 2, 1), 0.2, 256
    directions = np.linalg.qr(rng.normal(size=(4, 4)))[0][:2] * [[0.35], [0.2]]
    x = rng.normal(size=(count, 2)) @ directions + noise * rng.normal(size=(count, 4)) + 0.1
    image = jnp.asarray(np.clip(np.rint((x + 1) * 127.5), 0, 255), jnp.uint8).reshape(count, *shape)
    data = np.asarray(to_float(image)).reshape(count, 4).astype(np.float64)
    covariance = np.cov(data.T, bias=True)
    values, vectors = np.linalg.eigh(covariance)
    values[:2] = noise**2
    best = scipy.stats.multivariate_normal(data.mean(0), vectors * values @ vectors.T).logpdf(data).mean()

    encoder, decoder = linear(shape, 0.1, noise)
    method = vae(
        encoder,
        decoder,
        gaussian(sigma=noise),
        optax.adam(optax.cosine_decay_schedule(2e-2, 1500)),
        image=shape,
        latent=(2,),
        sampler={**QUICK, "importance": 200, "chunk": 50},
    )
    state, metrics = trained(method, 1500, {"image": image})
    keys = jax.random.split(KEY, count)
    out = jax.jit(method.tasks["log_prob"].fn)(weights(state), keys, {"image": to_float(image)})
    assert np.mean(out["elbo"]) <= best + 0.02
    np.testing.assert_allclose(np.mean(out["log_prob"]), best, atol=0.03)
    np.testing.assert_allclose(np.mean(out["elbo"]), best, atol=0.05)
    np.testing.assert_allclose(np.mean(metrics["model/elbo"][-200:]), best, atol=0.06)


@pytest.mark.parametrize("likelihood", [bernoulli(), gaussian(sigma=0.2), discretized_logistic()])
def test_tasks_keep_their_declared_shapes(likelihood):
    method, data = small(likelihood, classes=3), batch()
    state = jax.jit(method.init)(KEY, data, {})
    given = {"image": to_float(data["image"]), "other": to_float(data["image"])[::-1], "label": data["label"]}
    keys = jax.random.split(KEY, 8)
    assert set(method.tasks) == {"sample", "reconstruct", "interpolate", "traverse", "log_prob"}
    for task in method.tasks.values():
        inputs = {name: given[name] for name in task.inputs}
        outputs = jax.jit(task.fn)(weights(state), keys, inputs)
        for name, spec in task.outputs.items():
            assert outputs[name].shape == (8, *spec.shape)
            assert np.all(np.isfinite(outputs[name]))
            if spec.kind == "image":
                assert np.abs(outputs[name]).max() <= 1.0


def test_interpolation_starts_and_ends_at_the_reconstructions():
    method, data = small(gaussian(sigma=0.2)), batch()
    state = jax.jit(method.init)(KEY, data, {})
    first, last = to_float(data["image"]), to_float(data["image"])[::-1]
    keys, view = jax.random.split(KEY, 8), weights(state)
    strip = jax.jit(method.tasks["interpolate"].fn)(view, keys, {"image": first, "other": last})["image"]
    ends = [jax.jit(method.tasks["reconstruct"].fn)(view, keys, {"image": x})["image"] for x in (first, last)]
    np.testing.assert_allclose(strip[:, :, :4], ends[0], atol=1e-5)
    np.testing.assert_allclose(strip[:, :, -4:], ends[1], atol=1e-5)


def test_traversal_rows_move_the_chosen_latents():
    method, data = small(gaussian(sigma=0.2)), batch()
    state = jax.jit(method.init)(KEY, data, {})
    keys, x = jax.random.split(KEY, 8), to_float(data["image"])
    grid = jax.jit(method.tasks["traverse"].fn)(weights(state), keys, {"image": x})
    cells = np.asarray(grid["image"]).reshape(8, 2, 4, 3, 4).transpose(0, 1, 3, 2, 4)  # [B, row, column, H, W]
    for row in range(2):
        assert np.abs(cells[:, row, 0] - cells[:, row, 2]).max() > 1e-3
    assert np.abs(cells[:, 0] - cells[:, 1]).max() > 1e-3


def test_labels_decide_what_a_conditional_model_draws():
    # Class k is an image of one grey level; the latent alone could not know which to draw.
    levels = np.array([20, 128, 240])
    label = jnp.arange(24) % 3
    image = jnp.asarray(np.broadcast_to(levels[np.arange(24) % 3][:, None, None, None], (24, *IMAGE)), jnp.uint8)
    method = small(gaussian(sigma=0.1), classes=3)
    state, _ = trained(method, 1500, {"image": image, "label": label})
    drawn = jax.jit(method.tasks["sample"].fn)(weights(state), jax.random.split(KEY, 24), {"label": label})["image"]
    brightness, want = np.mean(drawn, (1, 2, 3)), np.mean(to_float(image), (1, 2, 3))
    assert np.mean(np.abs(brightness[:, None] - want[:3]).argmin(1) == np.asarray(label)) >= 0.9


def test_warm_up_starts_with_reconstruction_alone():
    method, data = small(warmup=10), batch()
    state = jax.jit(method.init)(KEY, data, {})
    losses, step = [], jax.jit(method.step)
    for start in (0, 5, 20):
        _, metrics = step(state.replace(step=jnp.int32(start)), data)
        losses.append((metrics["model/loss"] - metrics["model/nll"]) / metrics["model/kl"])
    np.testing.assert_allclose(losses, [0.0, 0.5, 1.0], atol=1e-4)


def test_beta_weighs_the_kl_and_squeezes_it():
    data = batch(32)
    kls = []
    for beta in (0.1, 20.0):
        _, metrics = trained(small(beta=beta), 200, data)
        last = {name: float(values[-1]) for name, values in metrics.items()}
        np.testing.assert_allclose(last["model/loss"], last["model/nll"] + beta * last["model/kl"], rtol=1e-4)
        np.testing.assert_allclose(last["model/elbo"], -last["model/nll"] - last["model/kl"], rtol=1e-4)
        kls.append(last["model/kl"])
    assert kls[0] > 2 * kls[1]


def test_training_with_several_samples_tightens_the_bound():
    data = batch(64)
    method = small(samples=5)
    state, metrics = trained(method, 150, data)
    loss, elbo = metrics["model/loss"], metrics["model/elbo"]
    assert np.all(loss <= -elbo + 1e-5)  # Jensen: the mean of log weights is below the log of their mean
    assert loss[-20:].mean() < loss[:20].mean()
    out = jax.jit(method.tasks["log_prob"].fn)(
        weights(state), jax.random.split(KEY, 64), {"image": to_float(data["image"])}
    )
    assert np.all(out["log_prob"] >= out["elbo"] - 1e-4)


@pytest.mark.parametrize(
    ("settings", "word"),
    [(dict(samples=5, beta=2.0), "beta"), (dict(samples=0), "at least 1"), (dict(free_bits=-1.0), "negative")],
)
def test_settings_that_do_not_fit_are_refused(settings, word):
    with pytest.raises(UserError, match=word):
        small(**settings)


def test_sampler_settings_are_checked():
    for wrong, word in (({"step": 3}, "steps"), ({"dims": (7,)}, "dims"), ({"importance": 0}, "importance")):
        with pytest.raises(UserError, match=word):
            vae(None, None, bernoulli(), None, image=IMAGE, latent=(2,), sampler={**SAMPLER, **wrong})
