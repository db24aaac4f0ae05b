"""Sections, runs and smoke forms of super-resolution configs."""

from typing import Any

from ml_collections import ConfigDict

from jaxgen.zoo.defaults.common import base, few_reported_steps, section


def photographs(path: str, **changes: Any) -> dict[str, Any]:
    """What the `data` section needs for windows of photographs, for `c.data.update(photographs(...))`."""
    keys = dict(
        name="photographs",
        path=path,  # a folder or .zip of images of any sizes
        size=96,  # side of the windows
        test_path="",  # a folder or .zip of which all is held out
        hold=(),  # names in `path` that are held out, e.g. ("kodim2[1-4].png",)
        turn=False,  # random quarter turns of the windows in training
        flip=False,  # random left-right flips
    )
    return keys | changes


def restoration(**changes: Any) -> ConfigDict:
    """The `method` section of super-resolution; see `jaxgen.methods.restore`."""
    return section(
        changes,
        name="restore",
        scale=2,
        loss="l1",  # l1, l2, charbonnier
        epsilon=1e-3,  # of charbonnier
        quantize=True,  # round the small images to 8 bits in training
    )


def restoration_sampler(**changes: Any) -> ConfigDict:
    """The `sampler` section of super-resolution: the settings of `upscale`, see `jaxgen.methods.restore.SAMPLER`."""
    return section(
        changes,
        tile=0,  # side of a tile in pixels of the small image; 0: as large as is sensible for the network
        ensemble=False,  # the mean of eight passes over the flipped and turned image
        chunk=1,  # tiles in one call
    )


def kodak_restoration(*, scale: int, size: int, steps: int, batch_size: int) -> ConfigDict:
    """A run on windows of the Kodak photographs, four of them held out; network and optimizer are left to say."""
    c = base()
    kodak = photographs("kodak24.zip", test_path="photos-skimage.zip", hold=("kodim2[1-4].png",), size=size)
    c.data.update(kodak, turn=True, flip=True)
    c.method = restoration(scale=scale)
    c.sampler = restoration_sampler()
    c.train.update(steps=steps, batch_size=batch_size, log_every=50, samples=6)
    c.train.update(sample_every=1000, checkpoint_every=500)
    return c


def smoke_restoration(config: ConfigDict, **upscaler: Any) -> None:
    """Shrink super-resolution, in place, to 12 x 12 shapes and these settings of its network."""
    config.data.update(name="shapes", path="", test_path="", hold=(), size=12)
    config.nets.upscaler.update(upscaler)
    config.sampler.tile = 16
    config.optim.update(schedule="constant", warmup=0)
    few_reported_steps(config)
