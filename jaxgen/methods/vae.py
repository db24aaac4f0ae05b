"""Variational autoencoders: one player "model" with an encoder and a decoder, and a bound of `objectives.elbo`.

Also beta-VAE, free bits, KL warm-up, conditional VAE (labels go into both networks) and the importance-weighted
autoencoder (training on the bound with `samples` > 1).
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxgen.core import Aux, Averages, Method, Spec, Task, UserError, each, minimize, settle, split_each
from jaxgen.nets.roles import Net
from jaxgen.objectives import elbo
from jaxgen.objectives.likelihoods import Likelihood
from jaxgen.ops.images import to_float

PLAYER = "model"


def vae(
    encoder: Net,
    decoder: Net,
    likelihood: Likelihood,
    tx: optax.GradientTransformation,
    *,
    image: tuple[int, int, int],
    latent: tuple[int, ...],
    classes: int = 0,
    beta: float = 1.0,
    free_bits: float = 0.0,
    warmup: int = 0,
    samples: int = 1,
    sampler: Mapping[str, Any] | None = None,
    averages: Averages | None = None,
    micro: int = 1,
    axis: str | None = None,
) -> Method:
    """A VAE.

    Args:
      encoder, decoder: nets with the roles `Encoder` and `Decoder`; the decoder's outputs parametrise `likelihood`.
      image: (H, W, C).
      latent: shape of one latent, as the encoder puts it out.
      classes: number of labels both networks are told; 0 for an unconditional model.
      beta: weight of the KL term (elbo eq. 5).
      free_bits: nats per latent channel that cost nothing (eq. 3).
      warmup: steps over which the KL term's weight rises from 0 to beta.
      samples: K > 1 trains on the importance-weighted bound (eq. 4), which has no KL term to weight.
      sampler: settings of the tasks, see `SAMPLER`.

    Raises:
      UserError: settings that exclude each other or are out of range.
    """
    if samples < 1 or beta < 0 or free_bits < 0 or warmup < 0:
        raise UserError("method.samples must be at least 1, and beta, free_bits and warmup must not be negative.")
    if samples > 1 and (beta != 1.0 or free_bits or warmup):
        raise UserError(
            "The importance-weighted bound (method.samples > 1) has no KL term of its own: leave method.beta at 1 and "
            "method.free_bits and method.warmup at 0."
        )

    settings = settle(SAMPLER, sampler, "sampler")
    _check(settings, latent)
    model = _Model(encoder, decoder, likelihood, image, latent, classes, settings)
    loss = _loss(model, beta, free_bits, warmup, samples, axis)
    return minimize(_init(model), loss, tx, _tasks(model), player=PLAYER, averages=averages, micro=micro, axis=axis)


SAMPLER: dict[str, Any] = dict(
    mean=True,  # show the likelihood's mean; False draws pixels from it
    temperature=1.0,  # standard deviation of the latents of `sample`
    steps=8,  # images in a row of `interpolate` and `traverse`
    span=2.5,  # `traverse` walks each latent from -span to span
    dims=(),  # which latents; () takes those that say most about the given image
    rows=8,  # and so many of them
    importance=100,  # samples of the bound in `log_prob`
    chunk=10,  # of which so many are decoded at a time
)
"""Settings of the tasks."""


def _check(settings: Mapping[str, Any], latent: tuple[int, ...]) -> None:
    size = math.prod(latent)
    for key in ("steps", "rows", "importance", "chunk"):
        if settings[key] < 1:
            raise UserError(f"sampler.{key} must be at least 1, not {settings[key]}.")
    if any(not 0 <= dim < size for dim in settings["dims"]):
        raise UserError(f"sampler.dims names latents from 0 to {size - 1}; {tuple(settings['dims'])} does not fit.")


class _Model(NamedTuple):
    """What the tasks share."""

    encoder: Net
    decoder: Net
    likelihood: Likelihood
    image: tuple[int, int, int]
    latent: tuple[int, ...]
    classes: int
    settings: Mapping[str, Any]


def _cond(inputs, classes):
    return {"label": inputs["label"]} if classes else {}


def _posterior(model, weights, x, cond):
    (mean, log_var), _ = model.encoder.apply(
        weights.params[PLAYER]["encoder"], weights.stats[PLAYER]["encoder"], x, cond
    )
    return mean.astype(jnp.float32), log_var.astype(jnp.float32)


def _parameters(model, weights, z, cond):
    return model.decoder.apply(weights.params[PLAYER]["decoder"], weights.stats[PLAYER]["decoder"], z, cond)[0]


def _show(model, weights, z, cond, keys):
    """Latents to pictures."""
    out = _parameters(model, weights, z, cond)
    return model.likelihood.mean(out) if model.settings["mean"] else model.likelihood.sample(out, keys)


def _strip(model, weights, z, cond, keys):
    """z [B, n, ...latent] -> n pictures side by side, [B, H, n W, C]."""
    items = (jnp.moveaxis(z, 1, 0), split_each(keys, z.shape[1]))
    rows = jax.lax.map(lambda item: _show(model, weights, item[0], cond, item[1]), items)  # [n, B, H, W, C]
    height, _, channels = model.image
    return jnp.moveaxis(rows, 0, 2).reshape(z.shape[0], height, -1, channels)


def _init(model):
    def init(rng, batch, frozen):
        encoder_rng, decoder_rng = jax.random.split(rng)
        x, cond = to_float(batch["image"]), _cond(batch, model.classes)
        params, stats = model.encoder.init(encoder_rng, x, cond)
        more, more_stats = model.decoder.init(decoder_rng, jnp.zeros((x.shape[0], *model.latent)), cond)
        return {"encoder": params, "decoder": more}, {"encoder": stats, "decoder": more_stats}

    return init


def _loss(model, beta, free_bits, warmup, samples, axis):
    """The negative bound: elbo eq. (1) with (3) and (5), or eq. (4) with more than one sample."""

    def loss(params, state, batch, keys):
        observe_keys, noise_keys, dropout_keys = split_each(keys, 3)
        stats, cond = state.stats[PLAYER], _cond(batch, model.classes)
        modes = dict(train=True, rng=dropout_keys[0])
        x = model.likelihood.observe(to_float(batch["image"]), observe_keys)
        (mean, log_var), encoder_stats = model.encoder.apply(params["encoder"], stats["encoder"], x, cond, **modes)
        mean, log_var = mean.astype(jnp.float32), log_var.astype(jnp.float32)
        kl = elbo.gaussian_kl(mean, log_var)
        total = jnp.sum(kl, axis=-1)

        def log_likelihood(z):
            out, new = model.decoder.apply(params["decoder"], stats["decoder"], z, cond, **modes)
            return model.likelihood.log_prob(out, x), new

        if samples == 1:
            log_p, decoder_stats = log_likelihood(elbo.reparameterize(mean, log_var, noise_keys))
            weight = beta * elbo.warm_up(state.step, warmup)
            values, bound = -log_p + weight * elbo.free_bits(kl, free_bits, axis), log_p - total
        else:
            log_weights = elbo.importance_log_weights(
                lambda z: log_likelihood(z)[0], mean, log_var, noise_keys, samples=samples, chunk=samples
            )
            values, bound = -elbo.importance_bound(log_weights), jnp.mean(log_weights, axis=0)
            decoder_stats = stats["decoder"]
        active = elbo.active_units(jax.lax.stop_gradient(mean), axis)
        metrics = {"elbo": bound, "nll": -bound - total, "kl": total, "active_units": active}
        return values, Aux(metrics, stats={"encoder": encoder_stats, "decoder": decoder_stats})

    return loss


def _tasks(model: _Model) -> dict[str, Task]:
    """sample, reconstruct, interpolate, traverse, log_prob."""
    (height, width, channels), steps = model.image, model.settings["steps"]
    label = {"label": Spec("label", (), jnp.int32, model.classes)} if model.classes else {}
    picture, wide = Spec("image", model.image), Spec("image", (height, steps * width, channels))
    rows = len(model.settings["dims"]) or min(model.settings["rows"], math.prod(model.latent))
    grid = Spec("image", (rows * height, steps * width, channels))
    scalars = {"log_prob": Spec("scalar", ()), "elbo": Spec("scalar", ())}
    one = {"image": picture, **label}
    return {
        "sample": Task(_sample(model), label, {"image": picture}),
        "reconstruct": Task(_reconstruct(model), one, {"image": picture}),
        "interpolate": Task(_interpolate(model), {"image": picture, "other": picture, **label}, {"image": wide}),
        "traverse": Task(_traverse(model, rows), one, {"image": grid}),
        "log_prob": Task(_log_prob(model), one, scalars),
    }


def _sample(model):
    def fn(weights, keys, inputs):
        latent_keys, pixel_keys = split_each(keys, 2)
        z = model.settings["temperature"] * each(jax.random.normal, latent_keys, model.latent)
        return {"image": _show(model, weights, z, _cond(inputs, model.classes), pixel_keys)}

    return fn


def _reconstruct(model):
    """Through the posterior mean of what the likelihood observes."""

    def fn(weights, keys, inputs):
        observe_keys, pixel_keys = split_each(keys, 2)
        cond = _cond(inputs, model.classes)
        mean, _ = _posterior(model, weights, model.likelihood.observe(inputs["image"], observe_keys), cond)
        return {"image": _show(model, weights, mean, cond, pixel_keys)}

    return fn


def _interpolate(model):
    """A row of pictures on the straight line between two posterior means, both ends included."""

    def fn(weights, keys, inputs):
        first_keys, second_keys, pixel_keys = split_each(keys, 3)
        cond = _cond(inputs, model.classes)
        start, _ = _posterior(model, weights, model.likelihood.observe(inputs["image"], first_keys), cond)
        end, _ = _posterior(model, weights, model.likelihood.observe(inputs["other"], second_keys), cond)
        t = jnp.linspace(0.0, 1.0, model.settings["steps"]).reshape(1, -1, *[1] * len(model.latent))
        return {"image": _strip(model, weights, start[:, None] * (1.0 - t) + end[:, None] * t, cond, pixel_keys)}

    return fn


def _traverse(model, rows):
    """A grid: each row walks one latent of the given image, the others stay at the posterior mean."""
    settings = model.settings

    def fn(weights, keys, inputs):
        observe_keys, pixel_keys = split_each(keys, 2)
        cond = _cond(inputs, model.classes)
        mean, log_var = _posterior(model, weights, model.likelihood.observe(inputs["image"], observe_keys), cond)
        flat = mean.reshape(mean.shape[0], -1)
        if settings["dims"]:
            dims = jnp.broadcast_to(jnp.asarray(settings["dims"]), (flat.shape[0], rows))
        else:
            _, dims = jax.lax.top_k(elbo.gaussian_kl(flat, log_var.reshape(flat.shape)), rows)
        hot = jax.nn.one_hot(dims, flat.shape[1])[:, :, None]  # [B, rows, 1, D]
        values = jnp.linspace(-settings["span"], settings["span"], settings["steps"])[:, None]
        z = flat[:, None, None] * (1.0 - hot) + values * hot  # [B, rows, steps, D]
        z = z.reshape(flat.shape[0], -1, *model.latent)
        pictures = _strip(model, weights, z, cond, pixel_keys)
        height, width, channels = model.image
        pictures = pictures.reshape(-1, height, rows, settings["steps"] * width, channels)
        return {"image": jnp.moveaxis(pictures, 2, 1).reshape(-1, rows * height, *pictures.shape[3:])}

    return fn


def _log_prob(model):
    """The importance-weighted bound, and the ELBO as the mean of its log weights, of what the likelihood observes."""
    samples, chunk = model.settings["importance"], model.settings["chunk"]

    def fn(weights, keys, inputs):
        observe_keys, noise_keys = split_each(keys, 2)
        cond = _cond(inputs, model.classes)
        x = model.likelihood.observe(inputs["image"], observe_keys)
        mean, log_var = _posterior(model, weights, x, cond)

        def log_likelihood(z):
            return model.likelihood.log_prob(_parameters(model, weights, z, cond), x)

        log_weights = elbo.importance_log_weights(
            log_likelihood, mean, log_var, noise_keys, samples=samples, chunk=chunk
        )
        return {"log_prob": elbo.importance_bound(log_weights), "elbo": jnp.mean(log_weights, axis=0)}

    return fn
