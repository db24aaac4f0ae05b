"""SRCNN and EDSR against fresh PyTorch modules with the same weights."""

import jax
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs requirements-oracles.txt")

from PIL import Image  # noqa: E402
from torch import nn  # noqa: E402

from jaxgen.nets.roles import functional  # noqa: E402
from jaxgen.nets.super_resolution.edsr import DIV2K, EDSR  # noqa: E402
from jaxgen.nets.super_resolution.srcnn import SRCNN  # noqa: E402
from jaxgen.ops import bicubic  # noqa: E402

pytestmark = pytest.mark.oracle
KEY = jax.random.key(0)


def _conv(inputs, outputs, kernel=3):
    return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)


class TorchBlock(nn.Module):
    def __init__(self, width, scale):
        super().__init__()
        self.first, self.second, self.scale = _conv(width, width), _conv(width, width), scale

    def forward(self, x):
        return x + self.scale * self.second(torch.relu(self.first(x)))


class TorchEDSR(nn.Module):
    """Inputs and outputs in [0, 1]."""

    def __init__(self, factors, blocks, width, scale):
        super().__init__()
        self.mean = torch.tensor(DIV2K).reshape(1, 3, 1, 1)
        self.head, self.tail, self.last = _conv(3, width), _conv(width, 3), _conv(width, width)
        self.blocks = nn.ModuleList(TorchBlock(width, scale) for _ in range(blocks))
        self.ups = nn.ModuleList(_conv(width, width * f * f) for f in factors)
        self.shuffles = [nn.PixelShuffle(f) for f in factors]

    def forward(self, x):
        head = x = self.head(2 * (x - self.mean))
        for block in self.blocks:
            x = block(x)
        x = self.last(x) + head
        for up, shuffle in zip(self.ups, self.shuffles):
            x = shuffle(up(x))
        return self.tail(x) / 2 + self.mean


def _give(params, name, conv, shuffle=0):
    """Copy a convolution; a shuffled one has its channels in another order: theirs (c, i, j), ours (i, j, c)."""
    weight = conv.weight.detach().numpy().transpose(2, 3, 1, 0)
    bias = conv.bias.detach().numpy()
    if shuffle:
        order = np.arange(len(bias)).reshape(-1, shuffle, shuffle).transpose(1, 2, 0).ravel()
        weight, bias = weight[..., order], bias[order]
    assert params[name]["kernel"].shape == weight.shape
    params[name] = {"kernel": weight, "bias": bias}


@pytest.mark.parametrize(("scale", "factors"), [(2, (2,)), (3, (3,)), (4, (2, 2))])
def test_edsr(scale, factors):
    torch.manual_seed(scale)
    peer = TorchEDSR(factors, 3, 8, 0.1)
    x = np.random.default_rng(0).uniform(size=(2, 9, 12, 3)).astype(np.float32)
    net = functional(EDSR(scale, (16, 16, 3), 3, 8, 0.1))
    params, stats = net.init(KEY, x)
    used = dict(params)
    _give(params, "head", peer.head)
    _give(params, "body", peer.last)
    _give(params, "tail", peer.tail)
    for i, block in enumerate(peer.blocks):
        _give(params, f"block_{i}_conv_0", block.first)
        _give(params, f"block_{i}_conv_1", block.second)
    for i, (up, factor) in enumerate(zip(peer.ups, factors)):
        _give(params, f"up_{i}", up, factor)
    assert params.keys() == used.keys()
    ours = (np.asarray(jax.jit(net.apply)(params, stats, 2 * x - 1)[0]) + 1) / 2
    with torch.no_grad():
        theirs = peer(torch.from_numpy(x.transpose(0, 3, 1, 2).copy())).numpy().transpose(0, 2, 3, 1)
    assert ours.shape == (2, 9 * scale, 12 * scale, 3)
    np.testing.assert_allclose(ours, theirs, atol=2e-6)


@pytest.mark.parametrize("kernels", [(9, 1, 5), (9, 5, 5)])
def test_srcnn(kernels):
    torch.manual_seed(0)
    first, second, third = (_conv(i, o, k) for i, o, k in zip((1, 8, 6), (8, 6, 1), kernels))
    peer = nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), third)
    x = np.random.default_rng(0).uniform(-1, 1, size=(2, 8, 11, 1)).astype(np.float32)
    net = functional(SRCNN(3, (24, 24, 1), kernels, (8, 6)))
    params, stats = net.init(KEY, x)
    for name, conv in zip(("patches", "mapping", "reconstruction"), (first, second, third)):
        _give(params, name, conv)
    ours = jax.jit(net.apply)(params, stats, x)[0]
    large = np.array(bicubic.rescale(x, 3)).transpose(0, 3, 1, 2)
    with torch.no_grad():
        theirs = peer(torch.from_numpy(large.copy())).numpy().transpose(0, 2, 3, 1)
    np.testing.assert_allclose(ours, theirs, atol=2e-6)


@pytest.mark.parametrize("size", [(16, 20), (11, 13), (64, 80), (96, 120)])
def test_bicubic(size):
    """PyTorch and Pillow clip the kernel at the border, where MATLAB mirrors: compared away from it.

    PyTorch takes positions in float32, which costs it some millionths.
    """
    x = np.random.default_rng(0).uniform(size=(1, 32, 40, 1)).astype(np.float32)
    tensor = torch.from_numpy(x.transpose(0, 3, 1, 2).copy())
    theirs = nn.functional.interpolate(tensor, size=size, mode="bicubic", antialias=True).numpy()[0, 0]
    edge = max(3, 3 * size[0] // 32)
    inner = (slice(edge, -edge), slice(edge, -edge))
    ours = np.asarray(bicubic.resize(x, size))[0, ..., 0]
    np.testing.assert_allclose(ours[inner], theirs[inner], atol=1e-5)
    pillow = np.asarray(Image.fromarray(x[0, ..., 0], mode="F").resize(size[::-1], Image.Resampling.BICUBIC))
    np.testing.assert_allclose(ours[inner], pillow[inner], atol=5e-6)
