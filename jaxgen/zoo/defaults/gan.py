"""Sections and smoke forms of GAN configs."""

from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict

from jaxgen.zoo.defaults.common import few_steps, optimizer, section


def adversarial(**changes: Any) -> ConfigDict:
    """The `method` section of a GAN; see `jaxgen.methods.gan`. `penalty` may be given in part."""
    return section(
        changes,
        name="gan",
        objective="non_saturating",  # minimax, non_saturating, least_squares, wasserstein, hinge
        penalty=dict(
            name="none",  # none, gradient, r1, clip
            weight=0.0,  # of gradient and r1
            every=1,  # computed on every n-th step only
            limit=0.0,  # of clip
        ),
        n_critic=1,  # critic moves per generator move
        latent=100,
        prior="normal",  # or uniform
        conditional=False,  # generate by class
    )


def adversaries(ema: Mapping[str, Any] | None = None, **both: Any) -> ConfigDict:
    """The `optim` section of a generator and a discriminator with equal settings; `ema` averages the generator."""
    return ConfigDict({"generator": optimizer(ema=ema or {}, **both), "discriminator": optimizer(**both)})


def smoke_gan(config: ConfigDict, generator: tuple[int, ...] = (8, 4), discriminator: tuple[int, ...] = (4, 8)) -> None:
    """Shrink a GAN, in place, to 8 x 8 digits and networks of these widths."""
    config.data.update(name="digits", flip=False)
    config.nets.generator.widths = generator
    config.nets.discriminator.widths = discriminator
    few_steps(config, steps=3, samples=8)
