"""What LPIPS needs from other projects: torchvision's AlexNet or VGG-16, and the fitted heads of the lpips package.

The heads of layer k are the tensor lin<k>.model.1.weight [1, C, 1, 1].
"""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxgen.core import UserError
from jaxgen.interop import vgg
from jaxgen.nets.features.alexnet import LAYERS

VGG16_DEPTHS = (2, 2, 3, 3, 3)
NUMBERS = {"conv1": 0, "conv2": 3, "conv3": 6, "conv4": 8, "conv5": 10}
"""Our name of each convolution of AlexNet -> torchvision's number."""
READ = {
    "alex": ("relu1", "relu2", "relu3", "relu4", "relu5"),
    "vgg": ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3"),
}
"""The layers that LPIPS reads."""


def alexnet_from_torchvision(tensors: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """The parameters of an `AlexNet` from torchvision's state dict.

    Raises:
      UserError: it is another network's.
    """
    params = {}
    for name, number in NUMBERS.items():
        weight, bias = (tensors.get(f"features.{number}.{part}") for part in ("weight", "bias"))
        width, size = LAYERS[name][:2]
        if weight is None or bias is None or weight.shape[0] != width or weight.shape[2:] != (size, size):
            raise UserError(
                f"the file's features.{number} is not AlexNet's {name} ({width} kernels of {size} x {size}); "
                "is it torchvision's state dict of AlexNet?"
            )
        params[f"{name}_kernel"] = np.ascontiguousarray(np.transpose(weight, (2, 3, 1, 0)), np.float32)
        params[f"{name}_bias"] = np.asarray(bias, np.float32)
    return params


def vgg16_from_torchvision(tensors: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """The parameters of a `VGG` of `VGG16_DEPTHS` from torchvision's state dict.

    Raises:
      UserError: it is another network's.
    """
    numbers = vgg.numbers(VGG16_DEPTHS)
    named = [key for key in tensors if re.fullmatch(r"features\.\d+\.weight", key)]
    if sorted(named) != sorted(f"features.{number}.weight" for number in numbers.values()):
        raise UserError(f"the file has {len(named)} convolutions in other places than the {len(numbers)} of VGG-16")
    return vgg.from_torchvision(tensors, {"depths": VGG16_DEPTHS})


def heads(tensors: Mapping[str, np.ndarray], trunk: str) -> dict[str, np.ndarray]:
    """{layer: float32 [C]} from the heads' state dict.

    Raises:
      UserError: heads of another trunk.
    """
    widths = {"alex": (64, 192, 384, 256, 256), "vgg": (64, 128, 256, 512, 512)}[trunk]
    found = {}
    for index, (layer, width) in enumerate(zip(READ[trunk], widths)):
        head = tensors.get(f"lin{index}.model.1.weight")
        if head is None or head.shape != (1, width, 1, 1) or f"lin{len(widths)}.model.1.weight" in tensors:
            raise UserError(f"the file's heads do not fit {trunk}: lin{index} should have {width} channels")
        found[layer] = np.asarray(head, np.float32).reshape(-1)
    return found
