"""Sections and smoke forms of style-transfer configs."""

from typing import Any

from ml_collections import ConfigDict

from jaxgen.zoo.defaults.common import few_reported_steps, section


def optimised_style(**changes: Any) -> ConfigDict:
    """The `method` section of style transfer by optimising pixels; see `jaxgen.methods.gatys`."""
    return section(
        changes,
        name="gatys",
        content_layers=("relu4_2",),
        style_layers=("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"),
        content_weight=1.0,
        style_weight=100.0,
        variation_weight=0.0,
        start="content",  # or noise
        colour="style",  # match: the painting gets the photograph's colours first; luminance: keeps its chroma
    )


def feed_forward_style(**changes: Any) -> ConfigDict:
    """The `method` section of AdaIN; see `jaxgen.methods.adain`."""
    return section(
        changes,
        name="adain",
        layers=("relu1_1", "relu2_1", "relu3_1", "relu4_1"),  # the last one is decoded
        content_weight=1.0,
        style_weight=10.0,
        variation_weight=0.0,
    )


def style_sampler(**changes: Any) -> ConfigDict:
    """The `sampler` section of AdaIN: the settings of its tasks, see `jaxgen.methods.adain.SAMPLER`."""
    return section(
        changes,
        alpha=1.0,  # 0 reconstructs the content, 1 gives it the whole style
        styles=1,  # above 1, `stylize` mixes so many
        size=(),  # (height, width) of contents; () is the training size, and at the command line the image's own
        style_size=(),  # the same of styles
        colour="style",  # or match: give the style the content's colours first
        chunk=4,  # pictures at a time
    )


def style_pairs(**changes: Any) -> dict[str, Any]:
    """What `data` needs for contents and styles (`c.data.update(style_pairs(...))`); see `jaxgen.data.style`."""
    keys = dict(
        name="style",
        path="",  # contents: a folder, a .zip, an image, or an image in a .zip; "shapes" are drawn
        style="",  # styles, likewise; "textures" are drawn
        shape=(256, 256),  # (height, width) of what the model sees
        short=0,  # training crops are cut from pictures of this short side; 0: whole pictures, scaled and cropped
        hold=(),  # names of contents to judge by, such as "kodim2[1-4].png"; (): by the hash of the name
    )
    return keys | changes


def smoke_style(config: ConfigDict, steps: int = 2, shape: tuple[int, int] = (8, 8), **nets: Any) -> None:
    """Shrink style transfer, in place, to drawn pictures, the encoder's first two blocks and random weights.

    Args:
      nets: settings of all networks.
    """
    config.data.update(path="shapes", style="textures", shape=shape)
    if "layers" in config.method:
        config.data.short = 12
        config.method.layers = ("relu1_1", "relu2_1")
        config.eval.samples = 8
    else:
        config.method.update(content_layers=("relu2_1",), style_layers=("relu1_1", "relu2_1"))
    for net in config.nets.values():
        net.update(nets)
    config.frozen.encoder = "random:0"
    few_reported_steps(config, steps)
