"""Sections, runs and smoke forms of random-field configs."""

from typing import Any

from ml_collections import ConfigDict

from jaxgen.zoo.defaults.common import base, few_reported_steps, optimizer, section

WITHIN_THREE_PIXELS = ((0, 1), (1, 0), (1, 2), (1, -2), (2, 1), (2, -1), (0, 3), (3, 0))
"""`method.offsets` of all neighbours of the other colour within three pixels, one of each pair."""


def random_field(**changes: Any) -> ConfigDict:
    """The `method` section of a random field; see `jaxgen.methods.random_field`."""
    return section(
        changes,
        name="random_field",
        field="potts",  # potts (grey levels as symbols; Ising with 2) or gaussian
        levels=2,  # of potts
        floor=1e-2,  # of gaussian: variance of the noise added to what is learned from, in units of [-1, 1] squared
        offsets=((0, 1), (1, 0)),  # (rows, columns) to a neighbour; their sum is odd
        shared=False,  # one coupling per offset instead of one per pair of pixels
        objective="pseudo_likelihood",  # or persistent (persistent contrastive divergence)
        sweeps=1,  # Gibbs sweeps of the chains per step
    )


def random_field_sampler(**changes: Any) -> ConfigDict:
    """The `sampler` section of a random field: the settings of its tasks, see `jaxgen.methods.random_field.SAMPLER`."""
    return section(
        changes,
        sweeps=200,  # of `sample`, from noise
        noise=0.1,  # of `corrupt` and `denoise`: probability of another symbol, or deviation of Gaussian noise
        denoise_sweeps=60,  # of `denoise`, from the noisy image
        burn=10,  # of which so many are not averaged
    )


def ising(data: str, *, lr: float, steps: int, batch_size: int) -> ConfigDict:
    """A run of a field, which draws samples and saves after its last step; `method` is left to say."""
    c = base(data)
    c.optim = optimizer(lr=lr, schedule="cosine")
    c.sampler = random_field_sampler()
    c.train.update(steps=steps, batch_size=batch_size, log_every=100, sample_every=steps, checkpoint_every=steps)
    c.train.steps_per_call = 50
    return c


def smoke_random_field(config: ConfigDict) -> None:
    """Shrink a field, in place, to 8 x 8 digits and at most three offsets."""
    config.data.name = "digits"
    if len(config.method.offsets) > 3:
        config.method.offsets = ((0, 1), (1, 0), (1, -2))
    config.sampler.update(sweeps=4, denoise_sweeps=4, burn=1)
    few_reported_steps(config)
