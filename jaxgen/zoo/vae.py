"""A VAE config as a `Method`.

`method`: name "vae", latent (channels of a latent), conditional, beta, free_bits, warmup, samples and a `likelihood`
section {"name", ...its settings}. `nets`: encoder, decoder. `sampler`: `jaxgen.methods.vae.SAMPLER`.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from jaxgen import optim
from jaxgen.core import Method
from jaxgen.methods.vae import vae
from jaxgen.nets.roles import Net
from jaxgen.objectives.likelihoods import LIKELIHOODS, Likelihood
from jaxgen.zoo import checks, nets


def build(config: ConfigDict, info, axis: str | None = None) -> Method:
    """The method of a VAE config.

    Raises:
      UserError: a conditional model of data without labels, unknown networks, likelihoods or settings.
    """
    method = config.method
    classes = checks.classes(config, info)
    model = likelihood(method.likelihood)
    common = dict(latent=method.latent, image_shape=info.image, classes=classes, axis_name=axis)
    encoder = nets.build(config.nets.encoder, "nets.encoder", **common)
    decoder = nets.build(config.nets.decoder, "nets.decoder", parameters=model.parameters, **common)
    return vae(
        encoder,
        decoder,
        model,
        optim.build(config.optim, config.train.steps),
        image=info.image,
        latent=latent_shape(encoder, info.image),
        classes=classes,
        beta=method.beta,
        free_bits=method.free_bits,
        warmup=method.warmup,
        samples=method.samples,
        sampler=config.sampler,
        averages=optim.averages(config.optim.ema),
        micro=config.train.micro,
        axis=axis,
    )


def likelihood(section: Mapping[str, Any]) -> Likelihood:
    """A likelihood from {"name", ...settings}."""
    return checks.chosen(LIKELIHOODS, section, "method.likelihood", "Likelihood")


def latent_shape(encoder: Net, image: tuple[int, ...]) -> tuple[int, ...]:
    """(channels,) or, where the encoder keeps a map, (height, width, channels): the shape of its means, by tracing."""

    def mean(key, x):
        return encoder.apply(*encoder.init(key, x, cond), x, cond)[0][0]

    cond = {"label": jnp.zeros((1,), jnp.int32)}
    return jax.eval_shape(mean, jax.random.key(0), jax.ShapeDtypeStruct((1, *image), "float32")).shape[1:]
