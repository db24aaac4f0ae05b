"""Pairs with twins written in PyTorch from the papers, as users write them: EDSR, ConvLSTM, gated PixelCNN."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch
from peer_pairs import Pair, array, kernel, normal, scatter
from torch import nn

from jaxgen.samplers.autoregressive import Steps, cached

# ---- EDSR, ConvLSTM: twins of tests/oracles


def edsr(batch: int) -> Pair:
    import test_super_resolution_torch as oracle

    from jaxgen.nets.roles import functional
    from jaxgen.nets.super_resolution.edsr import EDSR

    blocks, width = 8, 64
    peer = oracle.TorchEDSR((2,), blocks, width, 0.1).eval()
    net = functional(EDSR(2, (96, 96, 3), blocks, width, 0.1))
    x = np.random.default_rng(0).uniform(size=(batch, 48, 48, 3)).astype(np.float32)
    params = dict(jax.tree.map(lambda s: np.zeros(s.shape, s.dtype), jax.eval_shape(net.init, jax.random.key(0), x)[0]))
    named = {"head": peer.head, "body": peer.last, "tail": peer.tail}
    for i, block in enumerate(peer.blocks):
        named |= {f"block_{i}_conv_0": block.first, f"block_{i}_conv_1": block.second}
    for name, conv in named.items():
        oracle._give(params, name, conv)
    oracle._give(params, "up_0", peer.ups[0], 2)

    def ours(params, x):
        return (net.apply(params, {}, 2 * x - 1)[0] + 1) / 2

    return Pair(ours, params, peer, lambda net, x: net(x), (x,))


class _Forecast(nn.Module):
    """Shi et al. 2015: an encoding and a forecasting stack of cells, zero inputs to the latter."""

    def __init__(self, cells, head, hidden, future, patch):
        super().__init__()
        self.stacks = nn.ModuleList(nn.ModuleList(stack) for stack in cells)
        self.head, self.hidden, self.future, self.patch = head, hidden, future, patch

    def forward(self, video):
        batch, length = video.shape[:2]
        height, width = video.shape[3] // self.patch, video.shape[4] // self.patch
        x = nn.functional.pixel_unshuffle(video.flatten(0, 1), self.patch)
        x = x.reshape(batch, length, -1, height, width)
        states = [(x.new_zeros(batch, n, height, width),) * 2 for n in self.hidden]
        frames = []
        for t in range(length + self.future):
            below = x[:, t] if t < length else torch.zeros_like(x[:, 0])
            for layer, cell in enumerate(self.stacks[t >= length]):
                states[layer] = cell(below, *states[layer])
                below = states[layer][0]
            if t >= length:
                frames.append(self.head(torch.cat([h for h, _ in states], 1)))
        return (
            nn.functional.pixel_shuffle(torch.cat(frames), self.patch)
            .unflatten(0, (self.future, batch))
            .transpose(0, 1)
        )


def convlstm(batch: int) -> Pair:
    import test_recurrent_torch as oracle

    from jaxgen.nets.video.convlstm import ConvLSTMPredictor

    hidden, patch, side = (48, 48), 1, 16
    torch.manual_seed(0)
    sizes = [patch * patch, *hidden]
    cells = [[oracle.Cell(i, o, 3, side, side) for i, o in zip(sizes, hidden)] for _ in range(2)]
    peer = _Forecast(cells, nn.Conv2d(sum(hidden), patch * patch, 1), hidden, 5, patch).eval()
    params = {
        **{f"{part}_{i}": oracle.weights(cells[j][i]) for j, part in enumerate(("encode", "forecast")) for i in (0, 1)},
        "head_kernel": array(peer.head.weight)[:, :, 0, 0].T,
        "head_bias": array(peer.head.bias),
    }
    net = ConvLSTMPredictor((side, side, 1), 5, hidden, 3, patch, peephole=True, feedback=False)

    def ours(params, video):
        return net.apply({"params": params}, video, {}, train=False)

    return Pair(ours, params, peer, lambda net, x: net(x), (normal(batch, 5, side, side, 1),))


# ---- gated PixelCNN (van den Oord et al. 2016), drawing the likeliest level of every pixel


class _PixelCNN(nn.Module):
    """Two stacks of oblong convolutions over a shifted image; a whole pass for every pixel, as tutorials sample."""

    def __init__(self, width, layers, first_kernel, size, outputs):
        super().__init__()
        half, k = first_kernel // 2, size
        tall = [(half, first_kernel)] + [(k // 2 + 1, k)] * (layers - 1)
        flat = [(1, half)] + [(1, k // 2 + 1)] * (layers - 1)
        inputs = [2] + [width] * (layers - 1)
        self.vertical = nn.ModuleList(nn.Conv2d(i, 2 * width, k) for i, k in zip(inputs, tall))
        self.horizontal = nn.ModuleList(nn.Conv2d(i, 2 * width, k) for i, k in zip(inputs, flat))
        self.across = nn.ModuleList(nn.Conv2d(2 * width, 2 * width, 1) for _ in inputs)
        self.outs = nn.ModuleList(nn.Conv2d(width, width, 1) for _ in inputs)
        self.hidden, self.out = nn.Conv2d(width, width, 1), nn.Conv2d(width, outputs, 1)

    def forward(self, x):
        x = torch.cat([x, torch.ones_like(x[:, :1])], 1)
        v = nn.functional.pad(x[:, :, :-1], (0, 0, 1, 0))
        h = nn.functional.pad(x[:, :, :, :-1], (1, 0))
        for i, (down, right, across, out) in enumerate(zip(self.vertical, self.horizontal, self.across, self.outs)):
            tall, wide = down.kernel_size
            u = down(nn.functional.pad(v, (wide // 2, wide // 2, tall - 1, 0)))
            v = _gate(u)
            y = right(nn.functional.pad(h, (right.kernel_size[1] - 1, 0, 0, 0))) + across(u)
            h = out(_gate(y)) + (h if i else 0)
        return self.out(torch.relu(self.hidden(torch.relu(h))))


def _gate(x):
    a, b = x.chunk(2, 1)
    return torch.tanh(a) * torch.sigmoid(b)


def _pixelcnn():
    from jaxgen.nets.autoregressive.pixelcnn import PixelCNN

    width, layers, levels, side = 32, 7, 8, 12
    torch.manual_seed(0)
    peer = scatter(_PixelCNN(width, layers, 7, 3, levels), 0.1)

    def dense(conv):
        return {"kernel": array(conv.weight)[:, :, 0, 0].T, "bias": array(conv.bias)}

    params: dict[str, Any] = {"hidden": dense(peer.hidden), "out": dense(peer.out)}
    for i, parts in enumerate(zip(peer.vertical, peer.horizontal, peer.across, peer.outs)):
        down, right, across, out = parts
        params[f"vertical_{i}"] = {"conv": {"kernel": kernel(down), "bias": array(down.bias)}}
        params[f"horizontal_{i}"] = {
            "conv": {"kernel": kernel(right), "bias": array(right.bias)},
            "from_vertical": dense(across),
            "out": dense(out),
        }
    return PixelCNN((side, side, 1), levels, width=width, layers=layers), params, peer, side, levels


def pixelcnn_sampling(batch: int) -> Pair:
    """The first pixel is given (noise), the others follow; ours caches activations (`sampler.cached`)."""
    net, params, peer, side, levels = _pixelcnn()

    def ours(params, seed):
        bind = lambda name: lambda *args: net.apply({"params": params}, *args, train=False, method=name)  # noqa: E731
        image = jnp.zeros((seed.shape[0], side, side, 1))
        steps = Steps(
            lambda: bind("init_cache")(image),
            lambda cache, above, i: bind("row")(cache, above, i, {}),
            lambda cache, before, i, j: bind("step")(cache, before, i, j, {}),
        )
        known = image.at[:, 0, 0].set(seed), image.at[:, 0, 0].set(1.0)
        keys = jax.random.split(jax.random.key(0), seed.shape[0])
        draw = lambda out, keys: jnp.argmax(out, -1)[:, None] / (levels - 1) * 2.0 - 1.0  # noqa: E731
        return cached(steps, draw, keys, (side, side, 1), known)

    def theirs(net, seed):
        x = seed.new_zeros(seed.shape[0], 1, side, side)
        x[:, :, 0, 0] = seed
        for i in range(1, side * side):
            row, column = divmod(i, side)
            out = net(x)[:, :, row, column]
            x[:, 0, row, column] = out.argmax(1) / (levels - 1) * 2.0 - 1.0
        return x

    return Pair(ours, params, peer, theirs, (normal(batch, 1),))


def pixelcnn(batch: int) -> Pair:
    net, params, peer, side, _ = _pixelcnn()

    def ours(params, x):
        return net.apply({"params": params}, x, {}, train=False)

    return Pair(ours, params, peer, lambda net, x: net(x), (normal(batch, side, side, 1),))
