"""A model of ours and a peer's with the same weights: what `peers.py` times, and helpers to copy weights.

Images go to the peers channels first.
"""

import copy
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "oracles"))
import torchvision_beside  # noqa: F401  (before any peer)


class Pair(NamedTuple):
    """One thing, computed by both sides."""

    ours: Callable[..., Any]
    """(params, *inputs) -> images or features, channels last; pure."""
    params: Any
    net: nn.Module
    """What the modes of the peer (channels last, compiled) are modes of."""
    theirs: Callable[..., torch.Tensor]
    """(net, *inputs) -> the same, channels first."""
    inputs: tuple[np.ndarray, ...]
    """Channels last."""
    tolerance: float = 1e-4
    """Of the largest value."""


class Model(NamedTuple):
    """A row of the benchmark."""

    peer: str
    needs: str
    """Package that must be installed beside torch; empty for a twin written here."""
    make: Callable[[int], Pair]
    """Batch size -> pair."""
    learn: Callable[[int], Pair] | None = None
    """What the training row differentiates, if another than `make`."""
    trains: bool = True


def first(x: np.ndarray) -> torch.Tensor:
    """Channels last -> first; vectors stay."""
    axes = (*range(x.ndim - 3), x.ndim - 1, x.ndim - 3, x.ndim - 2) if x.ndim >= 4 else range(x.ndim)
    return torch.from_numpy(np.ascontiguousarray(x.transpose(*axes)))


def array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().numpy().copy()


def kernel(conv: nn.Module) -> np.ndarray:
    """[O, I, h, w] -> [h, w, I, O]; of a transposed convolution, [I, O, h, w] -> [h, w, O, I]."""
    return array(conv.weight).transpose(2, 3, 1, 0)


def scatter(net: nn.Module, scale: float = 0.02) -> nn.Module:
    """Every weight moved a little, so that no norm is the identity and no last layer zero."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in net.parameters():
            weight.add_(scale * torch.randn(weight.shape, generator=generator))
    return net.eval()


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def modes(net: nn.Module, asked: list[str]) -> dict[str, tuple[nn.Module, Any]]:
    """Mode -> (the network in it, memory format of its inputs)."""
    made = {
        "eager": lambda: (net, torch.contiguous_format),
        "channels_last": lambda: (
            copy.deepcopy(net).to(memory_format=torch.channels_last),
            torch.channels_last,
        ),
        "compile": lambda: (torch.compile(copy.deepcopy(net)), torch.contiguous_format),
    }
    return {name: made[name]() for name in asked}


DDIM_STEPS = 5


def ddim_times() -> tuple[Any, jax.Array]:
    """diffusers' DDIM scheduler of a few steps, and the times it visits on our clock."""
    import diffusers

    scheduler = diffusers.DDIMScheduler(
        num_train_timesteps=1000, beta_start=1e-4, beta_end=0.02, beta_schedule="linear", clip_sample=False
    )
    scheduler.set_timesteps(DDIM_STEPS)
    return scheduler, jnp.asarray(np.append((scheduler.timesteps.numpy() + 1.0) / 1000, 0.0), jnp.float32)


def present() -> dict[str, bool]:
    """Which packages of peers are installed."""
    return {name: importlib.util.find_spec(name) is not None for name in ("torch", "diffusers", "normflows")}
