"""Sections of super-resolution configs, with the values most runs use; see `jaxgen.zoo.defaults`."""

from typing import Any

from ml_collections import ConfigDict


def photographs(path: str, **changes: Any) -> dict[str, Any]:
    """What the `data` section needs for windows of photographs, for `c.data.update(photographs(...))`."""
    section = dict(
        name="photographs",
        path=path,  # a folder or .zip of images of any sizes
        size=96,  # side of the windows
        test_path="",  # a folder or .zip of which all is held out
        hold=(),  # names in `path` that are held out, e.g. ("kodim2[1-4].png",)
        turn=False,  # random quarter turns of the windows in training
        flip=False,  # random left-right flips
    )
    return section | changes


def restoration(**changes: Any) -> ConfigDict:
    """The `method` section of super-resolution; see `jaxgen.methods.restore`."""
    section = ConfigDict(
        dict(
            name="restore",
            scale=2,
            loss="l1",  # l1, l2, charbonnier
            epsilon=1e-3,  # of charbonnier
            quantize=True,  # round the small images to 8 bits in training
        )
    )
    section.update(changes)
    return section


def restoration_sampler(**changes: Any) -> ConfigDict:
    """The `sampler` section of super-resolution: the settings of `upscale`, see `jaxgen.methods.restore.SAMPLER`."""
    section = ConfigDict(
        dict(
            tile=0,  # side of a tile in pixels of the small image; 0: as large as is sensible for the network
            ensemble=False,  # the mean of eight passes over the flipped and turned image
            chunk=1,  # tiles in one call
        )
    )
    section.update(changes)
    return section
