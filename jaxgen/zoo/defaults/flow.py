"""Sections, runs and smoke forms of configs of normalizing flows."""

from typing import Any

from ml_collections import ConfigDict

from jaxgen.zoo.defaults.common import base, constant_ema, few_reported_steps, optimizer, section


def exact_likelihood(**changes: Any) -> ConfigDict:
    """The `method` section of a normalizing flow; see `jaxgen.methods.flow`."""
    return section(
        changes,
        name="flow",
        conditional=False,  # tell the bijection the label
        bits=8,  # of each number's 8 bits, how many are kept
        logit=0.0,  # above 0: model logit(a + (1 - 2 a) y) instead of y
    )


def flow_sampler(**changes: Any) -> ConfigDict:
    """The `sampler` section of a normalizing flow: the settings of its tasks, see `jaxgen.methods.flow.SAMPLER`."""
    return section(
        changes,
        temperature=1.0,  # standard deviation of the latents of `sample`
        steps=8,  # images in a row of `interpolate`
        importance=1,  # draws of the dequantisation noise in `log_prob`
    )


def flow_on_digits(*, lr: float, steps: int) -> ConfigDict:
    """A run on 8 x 8 digits, in logits of 4 of their bits; `nets.flow` is left to say."""
    c = base("digits")
    c.method = exact_likelihood(bits=4, logit=0.05)
    c.optim = optimizer(lr=lr, schedule="cosine", warmup=100, clip=200.0, ema=constant_ema(0.998))
    c.sampler = flow_sampler()
    c.train.update(steps=steps, batch_size=64, log_every=100, sample_every=1000, checkpoint_every=1000)
    c.train.steps_per_call = 50
    return c


def smoke_flow(config: ConfigDict, **flow: Any) -> None:
    """Shrink a flow, in place, with these settings of `nets.flow`."""
    config.nets.flow.update(flow)
    config.optim.warmup = 1
    config.sampler.steps = 3
    few_reported_steps(config)
