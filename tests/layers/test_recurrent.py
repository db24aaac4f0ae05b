"""Recurrent cells against flax's, and what their gates promise."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.layers.recurrent import GRU, ConvLSTM, conv_lstm, gru

KEYS = jax.random.split(jax.random.key(0), 8)
X = jax.random.normal(KEYS[0], (2, 5, 6, 3))
STATE = tuple(jax.random.normal(key, (2, 5, 6, 4)) for key in KEYS[1:3])


def test_the_convolutional_cell_is_that_of_flax():
    """Flax's orders its gates i, c, f, o, adds 1 to f, and has no peepholes."""
    weights = ConvLSTM(4).init(KEYS[3], (5, 6, 3), method="weights")["params"]
    weights["bias"] = jax.random.normal(KEYS[4], (16,))
    i, f, c, o = np.split(np.asarray(weights["kernel"]), 4, axis=-1)
    kernel = np.concatenate([i, c, f, o], axis=-1)
    bi, bf, bc, bo = np.split(np.asarray(weights["bias"]), 4)
    theirs = {
        "ih": {"kernel": kernel[:, :, :3], "bias": np.concatenate([bi, bc, bf - 1, bo])},
        "hh": {"kernel": kernel[:, :, 3:], "bias": np.zeros(16)},
    }
    (cell, _), hidden = nn.ConvLSTMCell(4, (3, 3)).apply({"params": theirs}, (STATE[1], STATE[0]), X)
    ours = conv_lstm(weights, X, STATE)
    np.testing.assert_allclose(ours[0], hidden, atol=1e-5)
    np.testing.assert_allclose(ours[1], cell, atol=1e-5)


def test_a_fresh_cell_remembers_and_peepholes_start_shut():
    module = ConvLSTM(4, peephole=True)
    params = module.init(KEYS[3], X, STATE)["params"]
    assert params["peephole"].shape == (3, 5, 6, 4)
    plain = conv_lstm({k: v for k, v in params.items() if k != "peephole"}, X, STATE)
    for a, b in zip(module.apply({"params": params}, X, STATE), plain):
        np.testing.assert_array_equal(a, b)
    # With wide-open or shut gates the cell keeps, forgets or shows exactly what it holds.
    n = 4
    shut = {"kernel": jnp.zeros((3, 3, 7, 16)), "bias": jnp.repeat(jnp.array([-40.0, 40.0, 0.0, 40.0]), n)}
    hidden, cell = conv_lstm(shut, X, STATE)
    np.testing.assert_allclose(cell, STATE[1], rtol=1e-6)
    np.testing.assert_allclose(hidden, np.tanh(STATE[1]), rtol=1e-5)


def test_peepholes_look_at_the_cell_of_their_own_position():
    """A large peephole at one pixel opens or shuts that pixel's gates alone."""
    weights = {"kernel": jnp.zeros((1, 1, 7, 16)), "bias": jnp.zeros((16,))}
    weights["peephole"] = jnp.zeros((3, 5, 6, 4)).at[1, 2, 3].set(-1e4 * jnp.sign(STATE[1][0, 2, 3]))
    _, cell = conv_lstm(weights, X, STATE)
    assert (cell[0, 2, 3] == 0).all()
    elsewhere = jnp.ones((5, 6), bool).at[2, 3].set(False)
    np.testing.assert_allclose(cell[0][elsewhere], 0.5 * STATE[1][0][elsewhere], rtol=1e-6)


def test_the_gru_is_that_of_flax():
    params = GRU(4).init(KEYS[3], jnp.zeros((2, 7, 3)), jnp.zeros((2, 4)))["params"]
    params = {name: value + 0.3 * jax.random.normal(KEYS[5], value.shape) for name, value in params.items()}
    x, first = jax.random.normal(KEYS[6], (2, 7, 3)), jax.random.normal(KEYS[7], (2, 4))
    inputs, hidden = (jnp.split(params[name], 3, axis=-1) for name in ("input", "hidden"))
    bias = jnp.split(params["bias"], 3)
    theirs = {
        **{f"i{gate}": {"kernel": inputs[i], "bias": bias[i]} for i, gate in enumerate("rzn")},
        **{f"h{gate}": {"kernel": hidden[i]} for i, gate in enumerate("rz")},
        "hn": {"kernel": hidden[2], "bias": params["reset"]},
    }
    cell, state, wanted = nn.GRUCell(4), first, []
    for t in range(7):
        state, _ = cell.apply({"params": theirs}, state, x[:, t])
        wanted.append(state)
    np.testing.assert_allclose(GRU(4).apply({"params": params}, x, first), jnp.stack(wanted, 1), atol=1e-5)
    np.testing.assert_allclose(gru(params, x[:, 0], first), wanted[0], atol=1e-5)
