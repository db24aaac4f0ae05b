"""Sections, runs and smoke forms of Gaussian-mixture configs."""

from typing import Any

from ml_collections import ConfigDict

from jaxgen.zoo.defaults.common import base, few_reported_steps, section


def mixing(**changes: Any) -> ConfigDict:
    """The `method` section of a Gaussian mixture; see `jaxgen.methods.mixture`."""
    return section(
        changes,
        name="mixture",
        components=10,
        covariance="full",  # full, tied, diag, spherical
        patch=0,  # side of the tiles an image is cut into; 0 leaves it whole
        floor=1e-3,  # added to every variance, in units of [-1, 1] squared
        decay=0.0,  # of stepwise EM, in (0.5, 1]; 0: a step forgets earlier batches (full-batch EM)
        delay=2.0,  # of stepwise EM
        rounds=10,  # of Lloyd's algorithm after the k-means++ seeds
    )


def expectation_maximization(data: str, *, steps: int, batch_size: int, log_every: int) -> ConfigDict:
    """A run of EM, which draws samples and saves after its last step; `method` is left to say."""
    c = base(data)
    c.optim = {}
    c.sampler = dict(temperature=1.0)
    c.train.update(steps=steps, batch_size=batch_size, log_every=log_every, sample_every=steps, checkpoint_every=steps)
    return c


def smoke_mixture(config: ConfigDict) -> None:
    """Shrink a mixture, in place, to three components of 8 x 8 digits."""
    config.data.name = "digits"
    config.method.update(components=3, floor=0.1, rounds=2)
    few_reported_steps(config)
