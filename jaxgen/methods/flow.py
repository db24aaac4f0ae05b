"""Normalizing flows: one player "model" with a bijection, trained on the exact likelihood of dequantised images.

Everything the bijection puts out is N(0, I) under the model, so that with `objectives.dequantization` eq. (1) and w of
its eq. (4) or (5), an image has
    (1)  log P(v) >= log N(z; 0, I) + log |det dz/dw| + log |det dw/dy| - log q(u | v) - D log n,   z = f(w)
The right side is maximised, with one draw of the noise u per image and step.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxgen.core import Aux, Averages, Method, Spec, Task, UserError, each, minimize, settle, split_each
from jaxgen.nets.roles import Net
from jaxgen.objectives import dequantization
from jaxgen.ops.images import to_float

PLAYER = "model"

SAMPLER: dict[str, Any] = dict(
    temperature=1.0,  # standard deviation of the latents of `sample`
    steps=8,  # images in a row of `interpolate`
    importance=1,  # draws of the dequantisation noise in `log_prob`
)
"""Settings of the tasks."""


def flow(
    net: Net,
    tx: optax.GradientTransformation,
    *,
    image: tuple[int, int, int],
    dequantizer: Net | None = None,
    classes: int = 0,
    bits: int = 8,
    logit: float = 0.0,
    sampler: Mapping[str, Any] | None = None,
    averages: Averages | None = None,
    micro: int = 1,
    axis: str | None = None,
) -> Method:
    """A normalizing flow.

    Args:
      net: a `Bijection` of images. Its data-dependent parameters are set on the first batch.
      image: (H, W, C).
      dequantizer: a `Bijection` from Gaussian noise to the logits of the dequantisation noise, told {"image"}
        (variational dequantisation); None draws that noise uniformly.
      classes: number of labels the bijection is told; 0 for an unconditional model.
      bits: images keep so many of their 8 bits; likelihoods are of 2^bits levels.
      logit: the a of `objectives.dequantization` eq. (5); 0 takes eq. (4).
      sampler: settings of the tasks, see `SAMPLER`.

    Raises:
      UserError: a setting is unknown or out of range.
    """
    if not 1 <= bits <= 8 or not 0 <= logit < 0.5:
        raise UserError(
            f"method.bits lies in 1 ... 8 and method.logit in 0 ... 0.5 (below it), not at {bits}, {logit}."
        )
    settings = settle(SAMPLER, sampler, "sampler")
    if settings["temperature"] < 0 or settings["steps"] < 2 or settings["importance"] < 1:
        raise UserError("sampler.temperature must not be negative, steps be at least 2 and importance at least 1.")
    model = _Model(net, dequantizer, image, classes, bits, logit, settings)
    return minimize(
        _init(model), _loss(model), tx, _tasks(model), player=PLAYER, averages=averages, micro=micro, axis=axis
    )


class _Model(NamedTuple):
    """What loss and tasks share."""

    net: Net
    dequantizer: Net | None
    image: tuple[int, int, int]
    classes: int
    bits: int
    logit: float
    settings: Mapping[str, Any]


def _cond(inputs, classes):
    return {"label": inputs["label"]} if classes else {}


def _dequantize(model, params, stats, x, keys, **modes):
    """Images [-1, 1] -> (w, log |det dw/dy| - log q - D log n [B])."""
    if model.dequantizer is None:
        u, log_q = dequantization.uniform_noise(keys, model.image)
    else:
        e = each(jax.random.normal, keys, model.image)
        (logits, log_det), _ = model.dequantizer.apply(
            params["dequantizer"], stats["dequantizer"], e, {"image": x}, **modes
        )
        u, log_q = dequantization.logistic_noise(e, logits.reshape(e.shape), log_det)
    y = (dequantization.levels(x, model.bits) + u) / 2**model.bits
    w, log_det = dequantization.forward(y, model.logit)
    return w, log_det - log_q - math.prod(model.image) * model.bits * math.log(2.0)


def _encode(model, params, stats, x, cond, keys, **modes):
    """Images [-1, 1] -> (latents [B, D], eq. (1) [B])."""
    w, constant = _dequantize(model, params, stats, x, keys, **modes)
    (z, log_det), _ = model.net.apply(params["flow"], stats["flow"], w, cond, **modes)
    return z, dequantization.normal_log_prob(z) + log_det + constant


def _decode(model, weights, z, cond):
    """Latents [B, D] -> images float32 in [-1, 1] with 2^bits levels."""
    w, _ = model.net.apply(weights.params[PLAYER]["flow"], weights.stats[PLAYER]["flow"], z, cond, method="inverse")
    return dequantization.picture(dequantization.backward(w, model.logit), model.bits)


def _bits_per_dim(model, log_prob):
    return -log_prob / (math.prod(model.image) * math.log(2.0))


def _init(model):
    def init(rng, batch, frozen):
        """The bijection sees the batch, dequantised uniformly: its activation norms are set on it."""
        noise_rng, flow_rng, dequantizer_rng = jax.random.split(rng, 3)
        x = to_float(batch["image"])
        keys = jax.random.split(noise_rng, x.shape[0])
        w, _ = _dequantize(model._replace(dequantizer=None), {}, {}, x, keys)
        params, stats = model.net.init(flow_rng, w, _cond(batch, model.classes))
        if model.dequantizer is None:
            return {"flow": params}, {"flow": stats}
        more, more_stats = model.dequantizer.init(dequantizer_rng, jnp.zeros_like(x), {"image": x})
        return {"flow": params, "dequantizer": more}, {"flow": stats, "dequantizer": more_stats}

    return init


def _loss(model):
    """Minus eq. (1), in nats."""

    def loss(params, state, batch, keys):
        noise_keys, dropout_keys = split_each(keys, 2)
        x, cond = to_float(batch["image"]), _cond(batch, model.classes)
        modes = dict(train=True, rng=dropout_keys[0])
        _, log_prob = _encode(model, params, state.stats[PLAYER], x, cond, noise_keys, **modes)
        return -log_prob, Aux({"bits_per_dim": _bits_per_dim(model, log_prob)})

    return loss


def _tasks(model: _Model) -> dict[str, Task]:
    """sample, reconstruct, interpolate, log_prob."""
    height, width, channels = model.image
    label = {"label": Spec("label", (), jnp.int32, model.classes)} if model.classes else {}
    picture, wide = Spec("image", model.image), Spec("image", (height, model.settings["steps"] * width, channels))
    scalars = {"log_prob": Spec("scalar", ()), "bits_per_dim": Spec("scalar", ())}
    one = {"image": picture, **label}
    return {
        "sample": Task(_sample(model), label, {"image": picture}),
        "reconstruct": Task(_reconstruct(model), one, {"image": picture}),
        "interpolate": Task(_interpolate(model), {"image": picture, "other": picture, **label}, {"image": wide}),
        "log_prob": Task(_log_prob(model), one, scalars),
    }


def _sample(model):
    def fn(weights, keys, inputs):
        z = model.settings["temperature"] * each(jax.random.normal, keys, (math.prod(model.image),))
        return {"image": _decode(model, weights, z, _cond(inputs, model.classes))}

    return fn


def _latents(model, weights, x, cond, keys):
    return _encode(model, weights.params[PLAYER], weights.stats[PLAYER], x, cond, keys)[0]


def _reconstruct(model):
    """To the latents and back: the given image, as far as rounding lets the steps be undone."""

    def fn(weights, keys, inputs):
        cond = _cond(inputs, model.classes)
        return {"image": _decode(model, weights, _latents(model, weights, inputs["image"], cond, keys), cond)}

    return fn


def _interpolate(model):
    """A row of pictures on the straight line between the latents of two images, both ends included."""
    height, width, channels = model.image

    def fn(weights, keys, inputs):
        first_keys, second_keys = split_each(keys, 2)
        cond = _cond(inputs, model.classes)
        start = _latents(model, weights, inputs["image"], cond, first_keys)
        end = _latents(model, weights, inputs["other"], cond, second_keys)
        t = jnp.linspace(0.0, 1.0, model.settings["steps"])
        rows = jax.lax.map(lambda t: _decode(model, weights, (1.0 - t) * start + t * end, cond), t)
        return {"image": jnp.moveaxis(rows, 0, 2).reshape(-1, height, len(t) * width, channels)}

    return fn


def _log_prob(model):
    """`objectives.dequantization` eq. (2) with `importance` draws; eq. (1) with one."""
    draws = model.settings["importance"]

    def fn(weights, keys, inputs):
        cond, params, stats = _cond(inputs, model.classes), weights.params[PLAYER], weights.stats[PLAYER]

        def one(keys):
            return _encode(model, params, stats, inputs["image"], cond, keys)[1]

        found = jax.lax.map(one, split_each(keys, draws))
        log_prob = jax.nn.logsumexp(found, axis=0) - math.log(draws)
        return {"log_prob": log_prob, "bits_per_dim": _bits_per_dim(model, log_prob)}

    return fn
