"""Sections, runs and smoke forms of VAE configs."""

from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict

from jaxgen.zoo.defaults.common import base, constant_ema, few_reported_steps, optimizer, section


def variational(likelihood: Mapping[str, Any] | None = None, **changes: Any) -> ConfigDict:
    """The `method` section of a VAE; see `jaxgen.methods.vae`. `likelihood` is {"name", ...its settings}."""
    return section(
        changes,
        name="vae",
        latent=16,  # channels of a latent
        conditional=False,  # tell both networks the label
        beta=1.0,  # weight of the KL term
        free_bits=0.0,  # nats per latent channel that cost nothing
        warmup=0,  # steps over which the KL term comes in
        samples=1,  # above 1: train on the importance-weighted bound
        likelihood=likelihood or {"name": "bernoulli", "binarize": True},
    )


def variational_sampler(**changes: Any) -> ConfigDict:
    """The `sampler` section of a VAE: the settings of its tasks, see `jaxgen.methods.vae.SAMPLER`."""
    return section(
        changes,
        mean=True,  # show the likelihood's mean; false draws pixels from it
        temperature=1.0,  # standard deviation of the latents of `sample`
        steps=8,  # images in a row of `interpolate` and `traverse`
        span=2.5,  # `traverse` walks each latent from -span to span
        dims=(),  # which latents; () takes those that say most about the given image
        rows=8,  # and so many of them
        importance=100,  # samples of the bound in `log_prob`
        chunk=10,  # of which so many are decoded at a time
    )


def mlp_vae(data: str, *, hidden: tuple[int, ...], lr: float, steps: int) -> ConfigDict:
    """A run with fully connected networks on small grey images; `method` is left to say."""
    c = base(data)
    for side in ("encoder", "decoder"):
        c.nets[side] = dict(name=f"vae_mlp_{side}", hidden=hidden)
    c.optim = optimizer(lr=lr, schedule="cosine", ema=constant_ema(0.999))
    c.sampler = variational_sampler()
    c.train.update(steps=steps, batch_size=64, log_every=100, sample_every=1000, checkpoint_every=1000)
    c.train.steps_per_call = 50
    return c


def smoke_vae(config: ConfigDict, **nets: Any) -> None:
    """Shrink a VAE, in place, with these settings of both networks."""
    config.method.update(latent=4, warmup=min(config.method.warmup, 2))
    config.optim.warmup = min(config.optim.warmup, 1)
    for net in (config.nets.encoder, config.nets.decoder):
        net.update(nets)
    config.sampler.update(steps=3, rows=2, importance=4, chunk=2)
    few_reported_steps(config)
