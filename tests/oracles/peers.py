"""Peers and how their networks are given random weights."""

import importlib

import numpy as np
import pytest


def peer(name: str):
    """The module `name`, or a skipped test with a reason."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        pytest.skip(f"needs {name.split('.')[0]} of requirements-oracles.txt ({error})")


def agree(figure: str, other: str, ours, theirs, *, relative: float = 0.0, absolute: float = 0.0) -> None:
    """Ours lies within `relative` of the largest of theirs, or within `absolute`; `pytest -s` prints a table row."""
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    assert ours.shape == theirs.shape
    apart, scale = float(np.abs(ours - theirs).max()), float(np.abs(theirs).max())
    value = f"{ours:.6g}" if ours.ndim == 0 else f"{ours.size} numbers"
    print(f"\n| {figure} | {other} | {value} | {apart:.1e} | {apart / scale:.1e} |")
    assert apart <= max(relative * scale, absolute), f"{figure}, {other}: {apart:.2e} apart, {value}"


def randomised(module, seed: int = 0):
    """A torch module with random weights that keep activations near one, and random batch statistics."""
    torch = importlib.import_module("torch")
    torch.manual_seed(seed)
    for part in module.modules():
        if isinstance(part, torch.nn.Conv2d | torch.nn.Linear):
            torch.nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
            if part.bias is not None:
                torch.nn.init.normal_(part.bias, std=0.1)
        if isinstance(part, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(part.weight, 0.5, 1.0)
            torch.nn.init.normal_(part.bias, std=0.1)
            torch.nn.init.normal_(part.running_mean, std=0.1)
            torch.nn.init.uniform_(part.running_var, 0.5, 1.5)
    return module.eval()
