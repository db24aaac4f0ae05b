"""A VAE config as a `Method`.

`method`: name "vae", latent (channels of a latent), conditional, beta, free_bits, warmup, samples and a `likelihood`
section {"name", ...its settings}. `nets`: encoder, decoder. `sampler`: `jaxgen.methods.vae.SAMPLER`.
"""

from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict

from jaxgen import optim
from jaxgen.core import Method
from jaxgen.methods.vae import vae
from jaxgen.nets.vae.conv import level_sizes
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
        latent=latent_shape(config, info.image),
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


def latent_shape(config: ConfigDict, image: tuple[int, ...]) -> tuple[int, ...]:
    """(channels,) or, where the encoder keeps a map (`spatial`), (height, width, channels)."""
    encoder = config.nets.encoder
    if not encoder.get("spatial", False):
        return (config.method.latent,)
    return (*level_sizes(image, len(encoder.channels), encoder.get("stem", 1))[-1], config.method.latent)
