"""The published weights of FID's Inception v3 <-> `jaxgen.nets.features.inception.Inception`.

pytorch-fid and torch-fidelity distribute one conversion of TensorFlow's graph (their files hold equal tensors) under
torchvision's names: LAYER.conv.weight [O, I, h, w], LAYER.bn.{weight, bias, running_mean, running_var} [O] and
fc.{weight [1008, 2048], bias}. With s = weight / sqrt(running_var + 0.001), a convolution and its normalisation are one
convolution:
    (1)  kernel' = s kernel,  bias' = bias - s running_mean
fc.bias has no use: logits "without bias" are what the Inception Score is computed from.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxgen.core import UserError
from jaxgen.nets.features.inception import layers

EPSILON = 1e-3
NORM = ("weight", "bias", "running_mean", "running_var")


def from_published(tensors: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """The parameters of an `Inception` from a state dict.

    Raises:
      UserError: a tensor is missing or of another shape, or the file belongs to another network.
    """
    wanted = {f"{layer}.conv.weight" for layer in layers()}
    wanted |= {f"{layer}.bn.{part}" for layer in layers() for part in NORM}
    missing = sorted((wanted | {"fc.weight"}) - tensors.keys())
    if missing:
        raise UserError(
            f"the file has no {missing[0]} ({len(missing)} such tensors), so it is not FID's Inception v3 as "
            "pytorch-fid and torch-fidelity distribute it"
        )
    strange = sorted(k for k in tensors if k not in wanted | {"fc.weight", "fc.bias"} and "num_batches" not in k)
    if strange:
        raise UserError(f"the file holds {strange[0]} ({len(strange)} such tensors), which FID's Inception has not")
    if tensors["fc.weight"].shape[0] != 1008:
        raise UserError(
            f"the file's last layer has {tensors['fc.weight'].shape[0]} classes where FID's Inception has 1008; "
            "torchvision's own Inception is another network"
        )
    params = {layer: _folded(tensors, layer) for layer in layers()}
    return {**params, "logits": np.ascontiguousarray(np.float32(tensors["fc.weight"]).T)}


def _folded(tensors, layer: str) -> dict[str, np.ndarray]:
    """Eq. (1), in float64."""
    weight, bias, mean, variance = (np.float64(tensors[f"{layer}.bn.{part}"]) for part in NORM)
    kernel = np.float64(tensors[f"{layer}.conv.weight"])
    if kernel.ndim != 4 or not all(x.shape == kernel.shape[:1] for x in (weight, bias, mean, variance)):
        raise UserError(f"the file's {layer} is of another shape")
    scale = weight / np.sqrt(variance + EPSILON)
    kernel = np.transpose(kernel * scale[:, None, None, None], (2, 3, 1, 0))
    return {"kernel": np.ascontiguousarray(kernel, np.float32), "bias": np.float32(bias - scale * mean)}
