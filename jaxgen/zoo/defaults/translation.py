"""Sections and smoke forms of translation configs."""

from typing import Any

from ml_collections import ConfigDict

from jaxgen.zoo.defaults.common import few_steps, section


def pix2pix(**changes: Any) -> ConfigDict:
    """The `method` section of pix2pix; see `jaxgen.methods.translate`."""
    return section(
        changes,
        name="pix2pix",
        objective="non_saturating",  # any of a GAN's
        reconstruction=100.0,  # weight of the mean absolute error
    )


def cyclegan(**changes: Any) -> ConfigDict:
    """The `method` section of CycleGAN; see `jaxgen.methods.translate`."""
    return section(
        changes,
        name="cyclegan",
        objective="least_squares",  # any of a GAN's
        adversarial=2.0,  # weights of the generators' terms; 2: (D - 1)^2, as in the paper
        cycle=10.0,
        identity=5.0,  # 0 leaves the identity term out
        pool=50,  # earlier translations shown to each critic
    )


def pairs(**changes: Any) -> dict[str, Any]:
    """What `data` needs for two sets of images (`c.data.update(pairs(...))`); see `jaxgen.data.pairs`."""
    keys = dict(
        name="paired",  # or unpaired
        path="",  # the images: a folder, a .zip, or a folder in a .zip
        target="",  # what they become, likewise; left or right: that half of each image; "": folders trainA, trainB
        # paired: leave out what has no partner; unpaired: hold out pairs of equal names, to be judged by
        common_names=False,
    )
    return keys | changes


def sketched(**changes: Any) -> dict[str, Any]:
    """What `data` needs for drawings made of images (`c.data.update(sketched(...))`); see `jaxgen.data.sketched`."""
    keys = dict(
        name="sketched",
        path="",  # the images: a folder or a .zip
        drawing="edges",  # or grey
    )
    return keys | changes


def smoke_translation(config: ConfigDict, widths: tuple[int, ...] = (4, 8), **generator: Any) -> None:
    """Shrink a translation, in place, to 8 x 8 outlines, networks of these widths and settings of the generator."""
    config.data.update(name="outlines", path="", target="", size=8, random_crop=min(config.data.random_crop, 1))
    config.nets.generator.update(widths=widths, **generator)
    config.nets.discriminator.widths = widths
    if "pool" in config.method:
        config.method.pool = 12
    few_steps(config, steps=3, samples=8)
