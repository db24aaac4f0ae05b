"""torchvision's VGG weights <-> `jaxgen.nets.features.vgg.VGG`.

torchvision numbers all modules of its `features`: a convolution and its ReLU take two numbers, a pooling layer one.
So VGG-19's first convolution is features.0, conv1_2 is features.2, conv2_1 is features.5, ..., conv5_4 is features.34.
Kernels are [O, I, h, w] there and [h, w, I, O] here.
"""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxgen.core import UserError
from jaxgen.nets.features.vgg import VGG19_DEPTHS

LEFT_OUT = re.compile(r"classifier\.\d+\.(weight|bias)$")
"""The layers that name objects; a feature encoder has none."""


def numbers(depths: tuple[int, ...]) -> dict[str, int]:
    """Our name of each convolution -> torchvision's number."""
    found, at = {}, 0
    for block, depth in enumerate(depths, start=1):
        for layer in range(1, depth + 1):
            found[f"conv{block}_{layer}"] = at
            at += 2
        at += 1
    return found


def from_torchvision(tensors: Mapping[str, np.ndarray], settings: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a `VGG` with `settings` (its config section) from torchvision's state dict.

    An encoder that ends within VGG-19 (depths such as (2, 2, 4, 1)) leaves the later convolutions out.

    Raises:
      UserError: a convolution is missing, or a tensor is one that VGG-19 does not have.
    """
    depths = tuple(settings.get("depths", VGG19_DEPTHS))
    wanted = {name: f"features.{number}" for name, number in numbers(depths).items()}
    missing = [
        f"{key}.{part}" for key in wanted.values() for part in ("weight", "bias") if f"{key}.{part}" not in tensors
    ]
    if missing:
        raise UserError(
            f"the file has no {missing[0]}, which this VGG needs; is it torchvision's state dict of VGG-19?"
        )
    last = max(numbers(depths).values())
    whole = {f"features.{n}" for n in numbers(VGG19_DEPTHS).values() if n > last}
    known = {f"{key}.{part}" for key in (*wanted.values(), *whole) for part in ("weight", "bias")}
    strange = sorted(key for key in tensors if key not in known and not LEFT_OUT.match(key))
    if strange:
        raise UserError(f"the file holds {strange[0]}, which has no place in this VGG ({len(strange)} such tensors)")
    return {
        name: {
            "kernel": np.ascontiguousarray(np.transpose(tensors[f"{key}.weight"], (2, 3, 1, 0)), np.float32),
            "bias": np.asarray(tensors[f"{key}.bias"], np.float32),
        }
        for name, key in wanted.items()
    }


def to_torchvision(params: Mapping[str, Any], depths: tuple[int, ...] = VGG19_DEPTHS) -> dict[str, np.ndarray]:
    """The inverse of `from_torchvision`: tensors by torchvision's names."""
    found = {}
    for name, number in numbers(depths).items():
        found[f"features.{number}.weight"] = np.ascontiguousarray(np.transpose(params[name]["kernel"], (3, 2, 0, 1)))
        found[f"features.{number}.bias"] = np.asarray(params[name]["bias"])
    return found
