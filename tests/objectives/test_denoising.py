"""Weightings as what they claim to be: squared errors in another prediction."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.core import UserError
from jaxgen.objectives.denoising import denoising, weight
from jaxgen.processes import PREDICTIONS, Hub, edm, hub, mix, rectified_flow, target, vp_cosine

PROCESSES = {"cosine": vp_cosine(), "edm": edm(), "flow": rectified_flow()}


def _case(process, prediction):
    keys = jax.random.split(jax.random.key(0), 3)
    pair = Hub(*(jax.random.normal(key, (5, 3, 3, 2)) for key in keys[:2]))
    t = jnp.linspace(0.35, 0.85, 5)
    x = mix(process, *pair, t)
    truth = target(process, prediction, pair, t)
    out = truth + 0.5 * jax.random.normal(keys[2], truth.shape)
    return pair, t, x, truth, out


def _mse(a, b):
    return np.mean(np.square(a - b), axis=(1, 2, 3))


@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("weighting", PREDICTIONS)
def test_a_weighting_is_the_error_in_that_prediction(process, prediction, weighting):
    pair, t, x, truth, out = _case(process, prediction)
    mine = denoising(process, prediction, weighting, out, truth, t)
    believed = hub(process, prediction, x, out, t)
    there = _mse(target(process, weighting, believed, t), target(process, weighting, pair, t))
    np.testing.assert_allclose(mine, there, rtol=2e-2)


@pytest.mark.parametrize("prediction", ["eps", "x0", "v"])
def test_min_snr_is_the_capped_error_of_the_image(prediction):
    process = PROCESSES["cosine"]
    pair, t, x, truth, out = _case(process, prediction)
    snr = np.exp(process.log_snr(t))
    believed = hub(process, prediction, x, out, t)
    expected = np.minimum(snr, 0.7) * _mse(believed.x0, pair.x0)
    assert snr.max() > 0.7 > snr.min()
    np.testing.assert_allclose(denoising(process, prediction, "min_snr", out, truth, t, gamma=0.7), expected, rtol=1e-2)


def test_known_ratios():
    t = jnp.array([0.3, 0.6])
    vp, flow = PROCESSES["cosine"], PROCESSES["flow"]
    snr = np.exp(vp.log_snr(t))
    image = weight(vp, "x0", t)
    np.testing.assert_allclose(weight(vp, "simple", t) / image, snr, rtol=1e-4)
    np.testing.assert_allclose(weight(vp, "v", t) / image, snr + 1, rtol=1e-4)
    np.testing.assert_allclose(weight(flow, "velocity", t) / weight(flow, "x0", t), 1 / np.square(t), rtol=1e-4)
    sigma = np.asarray(PROCESSES["edm"].sigma(t))
    published = (sigma**2 + 0.25) / (sigma * 0.5) ** 2
    np.testing.assert_allclose(weight(edm(), "edm", t) / weight(edm(), "x0", t), published, rtol=1e-4)


def test_unknown_weighting_names_the_nearest():
    with pytest.raises(UserError, match="min_snr"):
        weight(PROCESSES["cosine"], "minsnr", jnp.ones(1))
