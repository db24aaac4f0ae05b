"""diffusers' `AutoencoderKL` weights <-> `jaxgen.nets.vae.kl.KLAutoencoder`.

Names there, with i counting levels from the input of each half: encoder.down_blocks.i.resnets.j and .downsamplers.0,
decoder.up_blocks.i.resnets.j and .upsamplers.0, mid_block.resnets.j and .attentions.0, conv_in, conv_norm_out,
conv_out; outside both halves quant_conv and post_quant_conv. Kernels are [O, I, h, w] there and [h, w, I, O] here.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxgen.core import UserError

OLDER = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
"""What published files of the first versions call the parts of attention."""
WIDTHS, BLOCKS = (128, 256, 512, 512), 2
"""Of networks whose section does not say."""

Place = tuple[tuple[str, ...], str, str]
"""(path here, name there, kind: conv, dense or norm)."""


def _residual(path: tuple[str, ...], there: str, shortcut: bool) -> list[Place]:
    found = [((*path, f"{kind}{i}"), f"{there}.{kind}{i}", kind) for kind in ("norm", "conv") for i in (1, 2)]
    return found + ([((*path, "shortcut"), f"{there}.conv_shortcut", "conv")] if shortcut else [])


def _middle(half: str, attention: bool) -> list[Place]:
    attend, there = (half, "mid_attention"), f"{half}.mid_block.attentions.0"
    parts = {"query": "to_q", "key": "to_k", "value": "to_v", "out": "to_out.0"}
    found = [place for i in (0, 1) for place in _residual((half, f"mid_{i}"), f"{half}.mid_block.resnets.{i}", False)]
    if attention:
        found.append(((*attend, "norm"), f"{there}.group_norm", "norm"))
        found += [((*attend, ours), f"{there}.{theirs}", "dense") for ours, theirs in parts.items()]
    return found


def places(section: Mapping[str, Any]) -> list[Place]:
    """Where every weight of a `KLAutoencoder` with these settings stands in diffusers' state dict."""
    widths, blocks = tuple(section.get("widths", WIDTHS)), section.get("blocks", BLOCKS)
    last = len(widths) - 1
    found: list[Place] = []
    for half, quant in (("encoder", "quant_conv"), ("decoder", "post_quant_conv")):
        for name, kind in (("conv_in", "conv"), ("conv_out", "conv")):
            found.append(((half, name), f"{half}.{name}", kind))
        found.append(((half, "norm_out"), f"{half}.conv_norm_out", "norm"))
        found += _middle(half, section.get("attention", True))
        if section.get("quant", True):
            found.append(((half, "quant"), quant, "conv"))
    before = widths[0]
    for level, width in enumerate(widths):
        for j in range(blocks):
            there = f"encoder.down_blocks.{level}.resnets.{j}"
            found += _residual(("encoder", f"down{level}_{j}"), there, before != width)
            before = width
        if level < last:
            there = f"encoder.down_blocks.{level}.downsamplers.0.conv"
            found.append((("encoder", f"down{level}_down", "conv"), there, "conv"))
    before = widths[-1]
    for i, level in enumerate(reversed(range(len(widths)))):
        for j in range(blocks + 1):
            there = f"decoder.up_blocks.{i}.resnets.{j}"
            found += _residual(("decoder", f"up{level}_{j}"), there, before != widths[level])
            before = widths[level]
        if level:
            found.append((("decoder", f"up{level}_up", "conv"), f"decoder.up_blocks.{i}.upsamplers.0.conv", "conv"))
    return found


def _known(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The tensors under the names of today; matrices that older files keep as 1x1 kernels become matrices."""
    found = {}
    for key, value in tensors.items():
        if ".attentions." in key:
            for new, old in OLDER.items():
                key = key.replace(f".{old}.", f".{new}.")
            value = value[:, :, 0, 0] if value.ndim == 4 else value
        found[key] = value
    return found


def from_diffusers(tensors: Mapping[str, np.ndarray], section: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a `KLAutoencoder` with the settings of `section` from a state dict of `AutoencoderKL`.

    Raises:
      UserError: a weight is missing, or a tensor has no place.
    """
    known, params = _known(tensors), dict[str, Any]()
    for path, there, kind in places(section):
        if f"{there}.weight" not in known:
            raise UserError(f"the file has no {there}.weight, which this autoencoder needs")
        weight, bias = known.pop(f"{there}.weight"), known.pop(f"{there}.bias")
        node: dict[str, Any] = params
        for part in path[:-1]:
            node = node.setdefault(part, {})
        turned = {"conv": (2, 3, 1, 0), "dense": (1, 0), "norm": (0,)}[kind]
        name = "scale" if kind == "norm" else "kernel"
        node[path[-1]] = {name: np.ascontiguousarray(weight.transpose(turned), np.float32), "bias": np.asarray(bias)}
    if known:
        raise UserError(f"the file holds {min(known)}, which has no place in this autoencoder ({len(known)} such)")
    return params


def to_diffusers(params: Mapping[str, Any], section: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The inverse of `from_diffusers`."""
    found = {}
    for path, there, kind in places(section):
        node: Any = params
        for part in path:
            node = node[part]
        back = {"conv": (3, 2, 0, 1), "dense": (1, 0), "norm": (0,)}[kind]
        weight = np.asarray(node["scale" if kind == "norm" else "kernel"])
        found[f"{there}.weight"] = np.ascontiguousarray(weight.transpose(back))
        found[f"{there}.bias"] = np.asarray(node["bias"])
    return found
