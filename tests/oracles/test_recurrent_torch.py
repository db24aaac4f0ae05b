"""The ConvLSTM against a twin written in PyTorch from the paper's equations, with the same weights; the GRU and the 3-D
convolution against PyTorch's own."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs requirements-oracles.txt")

from jaxgen.layers.recurrent import GRU, ConvLSTM  # noqa: E402
from jaxgen.nets.video.convlstm import ConvLSTMPredictor  # noqa: E402
from jaxgen.ops import strided  # noqa: E402
from jaxgen.ops.clips import clips, frames, unfold_time  # noqa: E402

pytestmark = pytest.mark.oracle
GATES = ("i", "f", "c", "o")


class Cell(torch.nn.Module):
    """Shi et al. 2015, eq. 3, one convolution per term."""

    def __init__(self, inputs, features, kernel, height, width):
        super().__init__()
        for gate in GATES:
            setattr(self, f"x{gate}", torch.nn.Conv2d(inputs, features, kernel, padding=kernel // 2))
            setattr(self, f"h{gate}", torch.nn.Conv2d(features, features, kernel, padding=kernel // 2, bias=False))
        for gate in "ifo":
            setattr(self, f"c{gate}", torch.nn.Parameter(torch.randn(features, height, width)))

    def forward(self, x, h, c):
        i = torch.sigmoid(self.xi(x) + self.hi(h) + self.ci * c)
        f = torch.sigmoid(self.xf(x) + self.hf(h) + self.cf * c)
        c = f * c + i * torch.tanh(self.xc(x) + self.hc(h))
        o = torch.sigmoid(self.xo(x) + self.ho(h) + self.co * c)
        return o * torch.tanh(c), c


def weights(cell):
    """The twin's weights under our names."""

    def kernel(conv):
        return conv.weight.detach().numpy().transpose(2, 3, 1, 0)

    return {
        "kernel": np.concatenate(
            [np.concatenate([kernel(getattr(cell, f"{side}{gate}")) for side in "xh"], axis=2) for gate in GATES],
            axis=3,
        ),
        "bias": np.concatenate([getattr(cell, f"x{gate}").bias.detach().numpy() for gate in GATES]),
        "peephole": np.stack([getattr(cell, f"c{gate}").detach().numpy().transpose(1, 2, 0) for gate in "ifo"]),
    }


def channels_last(tensor):
    return tensor.detach().numpy().transpose(0, 2, 3, 1)


def test_five_steps_of_the_cell_and_their_gradient():
    torch.manual_seed(0)
    cell = Cell(3, 4, 5, 6, 7)
    x = torch.randn(5, 2, 3, 6, 7)
    h = c = torch.zeros(2, 4, 6, 7)
    for step in x:
        h, c = cell(step, h, c)
    (h**2).sum().backward()

    module = ConvLSTM(4, 5, peephole=True)
    params = jax.tree.map(jnp.asarray, weights(cell))
    inputs = jnp.asarray(x.numpy().transpose(0, 1, 3, 4, 2))

    def last(params):
        start = (jnp.zeros((2, 6, 7, 4)),) * 2
        step = lambda state, x: (module.apply({"params": params}, x, state), None)  # noqa: E731
        return jax.lax.scan(step, start, inputs)[0]

    hidden, memory = last(params)
    np.testing.assert_allclose(hidden, channels_last(h), atol=2e-6)
    np.testing.assert_allclose(memory, channels_last(c), atol=2e-6)
    gradient = jax.grad(lambda params: jnp.sum(last(params)[0] ** 2))(params)
    for gate in "ifo":
        wanted = getattr(cell, f"c{gate}").grad.numpy().transpose(1, 2, 0)
        np.testing.assert_allclose(gradient["peephole"]["ifo".index(gate)], wanted, atol=2e-5)
    wanted = np.concatenate([getattr(cell, f"h{gate}").weight.grad.numpy().transpose(2, 3, 1, 0) for gate in GATES], 3)
    np.testing.assert_allclose(gradient["kernel"][:, :, 3:], wanted, atol=1e-4)


def test_the_paper_s_network():
    """Two layers, zero inputs to the forecaster, a 1x1 convolution of both hidden states, no patches."""
    torch.manual_seed(1)
    stacks = [[Cell(2, 3, 3, 5, 5), Cell(3, 4, 3, 5, 5)] for _ in range(2)]
    head = torch.nn.Conv2d(7, 2, 1)
    video = torch.randn(2, 3, 2, 5, 5)
    states = [(torch.zeros(2, n, 5, 5),) * 2 for n in (3, 4)]
    frames_ahead = []
    for t in range(5):
        below = video[:, t] if t < 3 else torch.zeros(2, 2, 5, 5)
        for layer, cell in enumerate(stacks[t >= 3]):
            states[layer] = cell(below, *states[layer])
            below = states[layer][0]
        if t >= 3:
            frames_ahead.append(head(torch.cat([h for h, _ in states], 1)))
    wanted = torch.stack(frames_ahead, 1).detach().numpy().transpose(0, 1, 3, 4, 2)
    net = ConvLSTMPredictor((5, 5, 2), future=2, hidden=(3, 4), patch=1, peephole=True, feedback=False)
    params = {
        **{f"{part}_{i}": weights(stacks[j][i]) for j, part in enumerate(("encode", "forecast")) for i in range(2)},
        "head_kernel": head.weight.detach().numpy()[:, :, 0, 0].T,
        "head_bias": head.bias.detach().numpy(),
    }
    ours = net.apply({"params": params}, jnp.asarray(video.numpy().transpose(0, 1, 3, 4, 2)), {}, train=False)
    np.testing.assert_allclose(ours, wanted, atol=5e-6)


def test_the_gru():
    torch.manual_seed(2)
    theirs = torch.nn.GRU(3, 4, batch_first=True)
    x, first = torch.randn(2, 6, 3), torch.randn(1, 2, 4)
    named = {name: value.detach().numpy() for name, value in theirs.named_parameters()}
    hidden_bias = named["bias_hh_l0"]
    params = {
        "input": named["weight_ih_l0"].T,
        "hidden": named["weight_hh_l0"].T,
        "bias": named["bias_ih_l0"] + np.concatenate([hidden_bias[:8], np.zeros(4)]),
        "reset": hidden_bias[8:],
    }
    wanted, _ = theirs(x, first)
    ours = GRU(4).apply({"params": params}, jnp.asarray(x.numpy()), jnp.asarray(first[0].numpy()))
    np.testing.assert_allclose(ours, wanted.detach().numpy(), atol=1e-6)


def test_three_dimensional_convolutions():
    torch.manual_seed(3)
    conv = torch.nn.Conv3d(3, 5, (4, 4, 4), stride=(1, 2, 2), padding=(0, 1, 1), bias=False)
    x = torch.randn(2, 3, 7, 8, 8)
    kernel = conv.weight.detach().numpy().transpose(3, 4, 2, 1, 0).reshape(4, 4, 12, 5)
    unfolded = unfold_time(jnp.asarray(x.numpy().transpose(0, 2, 3, 4, 1)), 4)
    ours = clips(strided.down(frames(unfolded), jnp.asarray(kernel), 2), 4)
    np.testing.assert_allclose(ours, conv(x).detach().numpy().transpose(0, 2, 3, 4, 1), atol=2e-5)
