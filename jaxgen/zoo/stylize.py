"""Style-transfer configs as methods.

`method`: name "gatys" or "adain"; see `jaxgen.zoo.defaults.style`. The encoder is the frozen network `nets.encoder`,
whose weights `frozen.encoder` names.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from jaxgen import optim
from jaxgen.core import Method, UserError
from jaxgen.methods.adain import adain
from jaxgen.methods.gatys import gatys
from jaxgen.methods.stylize import ENCODER, Weighting
from jaxgen.zoo import nets

SIZED = {"content": "size", "style": "style_size"}
"""Inputs that AdaIN reads at any size, and the sampler settings that name it."""


def _common(config: ConfigDict, info) -> dict[str, Any]:
    method = config.method
    for section in ("frozen", "nets"):
        if ENCODER not in config.get(section, {}):
            raise UserError(f"Style transfer needs {section}.{ENCODER}: an encoder, and where its weights come from.")
    weights = {name: float(method[f"{name}_weight"]) for name in Weighting._fields}
    if min(weights.values()) < 0:
        raise UserError(f"method.{min(weights, key=weights.__getitem__)}_weight should not be negative.")
    return {"image": tuple(info.image), "weighting": Weighting(**weights)}


def build_gatys(config: ConfigDict, info, axis: str | None = None) -> Method:
    """The method of a config with `method.name = "gatys"`.

    Raises:
      UserError: settings that do not fit each other or the images.
    """
    method = config.method
    common = _common(config, info)
    if config.train.micro != 1:
        raise UserError("train.micro must be 1: Gatys' pixels belong to the pictures of a batch; use a smaller batch.")
    if config.optim.ema:
        raise UserError("optim.ema must be {}: pixels are not averaged over steps.")
    if not method.content_layers or not method.style_layers:
        raise UserError("method.content_layers and method.style_layers should each name a layer, such as relu4_1.")
    return gatys(
        nets.build(config.nets.encoder, "nets.encoder"),
        optim.build(config.optim, config.train.steps),
        images=config.train.batch_size,
        content_layers=tuple(method.content_layers),
        style_layers=tuple(method.style_layers),
        start=method.start,
        colour=method.colour,
        axis=axis,
        **common,
    )


def build_adain(config: ConfigDict, info, axis: str | None = None) -> Method:
    """The method of a config with `method.name = "adain"`.

    Raises:
      UserError: settings that do not fit each other or the images.
    """
    layers = tuple(config.method.layers)
    if not layers:
        raise UserError("method.layers should name at least one layer, such as relu4_1; the last one is decoded.")
    return adain(
        nets.build(config.nets.encoder, "nets.encoder"),
        nets.build(config.nets.decoder, "nets.decoder"),
        optim.build(config.optim, config.train.steps),
        layers=layers,
        sampler=config.sampler,
        averages=optim.averages(config.optim.ema),
        micro=config.train.micro,
        axis=axis,
        **_common(config, info),
    )


def own_sizes(config: ConfigDict, given: Mapping[str, Sequence[str]]) -> dict[str, tuple[int, int]]:
    """Sampler settings under which AdaIN reads pictures at their own size: that of the first file of each kind.

    Args:
      given: input -> files, of which those that are no files are passed over. Only settings that are () change.
    """
    found: dict[str, tuple[int, int]] = {}
    if config.method.name != "adain":
        return found
    for name, files in given.items():
        key = SIZED.get(name.partition("_")[0], "")
        size = _size_of(files[0]) if files else None
        if key and size and key not in found and not config.sampler[key]:
            found[key] = size
    return found


def _size_of(file: str) -> tuple[int, int] | None:
    """(height, width) of an image file as it is seen; None where it is none (the reader says why)."""
    from PIL import Image, ImageOps

    if not Path(file).is_file():
        return None
    try:
        with Image.open(file) as image:
            upright = ImageOps.exif_transpose(image)
            return upright.height, upright.width
    except Exception:  # Pillow's plugins raise whatever a damaged file makes them raise
        return None
