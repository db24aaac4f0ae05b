"""Autoregressive models: one player "model", a network with the role `Causal`, trained by exact likelihood.

    log p(x) = sum_{i, j} log p(x_ij | x_<ij, label)

in nats per image; divided by H W C log 2, its negative is bits per dimension.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxgen.core import Aux, Averages, Method, Spec, Task, UserError, choose, minimize, settle, split_each
from jaxgen.nets.roles import Net
from jaxgen.objectives.likelihoods import bernoulli
from jaxgen.objectives.pixels import Pixels
from jaxgen.ops.images import to_float
from jaxgen.ops.levels import quantize, static_coins
from jaxgen.samplers import autoregressive as samplers

PLAYER = "model"

SAMPLER: dict[str, Any] = dict(
    temperature=1.0,  # below 1: likelier pixels, less variety
    keep=0.5,  # part of the rows that `complete` is given, from the top
    cached=True,  # keep activations between pixels; False: a whole pass of the network per pixel, for comparison
    chunk=64,  # images drawn at a time
)
"""Settings of the tasks."""

BINARIZE = {
    "none": None,  # the nearest of the distribution's levels
    "static": lambda x, keys: static_coins(x),  # one draw per image, once and for all
    "dynamic": bernoulli(binarize=True).observe,  # a new draw at every look
}
"""How grey images become what the model explains."""


class _Model(NamedTuple):
    """What loss and tasks share."""

    net: Net
    pixels: Pixels
    image: tuple[int, int, int]
    classes: int
    binarize: str
    settings: Mapping[str, Any]


def autoregressive(
    net: Net,
    pixels: Pixels,
    tx: optax.GradientTransformation,
    *,
    image: tuple[int, int, int],
    classes: int = 0,
    binarize: str = "none",
    sampler: Mapping[str, Any] | None = None,
    averages: Averages | None = None,
    micro: int = 1,
    axis: str | None = None,
) -> Method:
    """An autoregressive model of images.

    Args:
      net: a net with the role `Causal` whose outputs parametrise `pixels`.
      image: (H, W, C).
      classes: number of labels the network is told; 0 for an unconditional model.
      binarize: "none", "static" or "dynamic", see `BINARIZE`; the last two need two levels.
      sampler: settings of the tasks, see `SAMPLER`.

    Raises:
      UserError: unknown or impossible settings.
    """
    choose(BINARIZE, binarize, "method.binarize")
    if binarize != "none" and pixels.levels != 2:
        raise UserError(f"method.binarize={binarize!r} needs method.distribution.levels=2, not {pixels.levels}.")
    settings = settle(SAMPLER, sampler, "sampler")
    _check(settings)
    model = _Model(net, pixels, image, classes, binarize, settings)
    return minimize(
        _init(model), _loss(model), tx, _tasks(model), player=PLAYER, averages=averages, micro=micro, axis=axis
    )


def _check(settings: Mapping[str, Any]) -> None:
    if settings["temperature"] < 0 or not 0 <= settings["keep"] <= 1 or settings["chunk"] < 1:
        raise UserError(
            "sampler.temperature must not be negative, sampler.keep lies between 0 and 1, and sampler.chunk is at "
            "least 1."
        )


def _cond(inputs, classes):
    return {"label": inputs["label"]} if classes else {}


def _observe(model: _Model, x: jax.Array, keys: jax.Array) -> jax.Array:
    """What the model explains in place of x: the same shape, on its levels."""
    turn = BINARIZE[model.binarize]
    return quantize(x, model.pixels.levels) if turn is None else turn(x, keys)


def _log_likelihood(model: _Model, params, x) -> dict[str, jax.Array]:
    """Nats per image and bits per dimension, [B] each."""
    log_p = jnp.sum(model.pixels.log_prob(params, x), axis=(1, 2))
    return {"log_prob": log_p, "bits_per_dim": -log_p / (math.prod(model.image) * math.log(2.0))}


def _init(model):
    def init(rng, batch, frozen):
        keys = jax.vmap(lambda i: jax.random.fold_in(rng, i))(jnp.arange(batch["image"].shape[0]))
        return model.net.init(rng, _observe(model, to_float(batch["image"]), keys), _cond(batch, model.classes))

    return init


def _loss(model):
    def loss(params, state, batch, keys):
        observe_keys, dropout_keys = split_each(keys, 2)
        x = _observe(model, to_float(batch["image"]), observe_keys)
        out, stats = model.net.apply(
            params, state.stats[PLAYER], x, _cond(batch, model.classes), train=True, rng=dropout_keys[0]
        )
        found = _log_likelihood(model, out, x)
        return -found["log_prob"], Aux({"bits_per_dim": found["bits_per_dim"]}, stats=stats)

    return loss


def _tasks(model: _Model) -> dict[str, Task]:
    """sample, complete, log_prob."""
    label = {"label": Spec("label", (), jnp.int32, model.classes)} if model.classes else {}
    picture = {"image": Spec("image", model.image)}
    scalars = {"log_prob": Spec("scalar", ()), "bits_per_dim": Spec("scalar", ())}
    return {
        "sample": Task(_sample(model), label, picture),
        "complete": Task(_complete(model), {**picture, **label}, picture),
        "log_prob": Task(_log_prob(model), {**picture, **label}, scalars),
    }


def _draw(model, weights, keys, cond, known=None):
    """Images [B, H, W, C], pixel by pixel."""
    params, stats = weights.params[PLAYER], weights.stats[PLAYER]
    like = jnp.zeros((keys.shape[0], *model.image))

    def call(*args, method=None):
        return model.net.apply(params, stats, *args, method=method)[0]

    def draw(out, keys):
        return model.pixels.sample(out, keys, model.settings["temperature"])

    if not model.settings["cached"]:
        return samplers.uncached(lambda x: call(x, cond), draw, keys, model.image, known)
    steps = samplers.Steps(
        init=lambda: call(like, method="init_cache"),
        row=lambda cache, above, i: call(cache, above, i, cond, method="row"),
        step=lambda cache, before, i, j: call(cache, before, i, j, cond, method="step"),
    )
    return samplers.cached(steps, draw, keys, model.image, known)


def _sample(model):
    def fn(weights, keys, inputs):
        return {"image": _draw(model, weights, keys, _cond(inputs, model.classes))}

    return fn


def _complete(model):
    """The upper part of the image as the model sees it, the rest drawn given it."""
    height, width, _ = model.image
    kept = jnp.arange(height) < round(model.settings["keep"] * height)
    mask = jnp.broadcast_to(kept[:, None, None], (height, width, 1)).astype(jnp.float32)

    def fn(weights, keys, inputs):
        observe_keys, draw_keys = split_each(keys, 2)
        x = _observe(model, inputs["image"], observe_keys)
        known = (x, jnp.broadcast_to(mask, (x.shape[0], *mask.shape)))
        return {"image": _draw(model, weights, draw_keys, _cond(inputs, model.classes), known)}

    return fn


def _log_prob(model):
    """The exact log-probability of what `binarize` makes of the image."""

    def fn(weights, keys, inputs):
        observe_keys, _ = split_each(keys, 2)
        x = _observe(model, inputs["image"], observe_keys)
        out, _ = model.net.apply(
            weights.params[PLAYER], weights.stats[PLAYER], x, _cond(inputs, model.classes), train=False
        )
        return _log_likelihood(model, out, x)

    return fn
