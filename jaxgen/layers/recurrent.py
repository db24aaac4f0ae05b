"""Recurrent cells as pure functions of their weights, so that one `lax.scan` can run any stack of them.

ConvLSTM (Shi et al. 2015, "Convolutional LSTM Network: A Machine Learning Approach for Precipitation Nowcasting",
eq. 3). With * the convolution, o the product of elements, s the sigmoid, input X_t, hidden state H and cell C:
    (1)  i_t = s(W_xi * X_t + W_hi * H_{t-1} + W_ci o C_{t-1} + b_i)
    (2)  f_t = s(W_xf * X_t + W_hf * H_{t-1} + W_cf o C_{t-1} + b_f)
    (3)  C_t = f_t o C_{t-1} + i_t o tanh(W_xc * X_t + W_hc * H_{t-1} + b_c)
    (4)  o_t = s(W_xo * X_t + W_ho * H_{t-1} + W_co o C_t + b_o)
    (5)  H_t = o_t o tanh(C_t)
The W_c. are weights per position ("peepholes"); without them the terms are left out. One convolution of [X_t, H_{t-1}]
makes all eight products.

GRU (Cho et al. 2014, "Learning Phrase Representations using RNN Encoder-Decoder", with the reset gate applied after the
product, as cuDNN has it):
    (6)  r_t = s(W_r x_t + b_r + U_r h_{t-1})
    (7)  z_t = s(W_z x_t + b_z + U_z h_{t-1})
    (8)  n_t = tanh(W_n x_t + b_n + r_t o (U_n h_{t-1} + c_n))
    (9)  h_t = (1 - z_t) o n_t + z_t o h_{t-1}
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgen.ops import strided

Weights = dict[str, jax.Array]
State = tuple[jax.Array, jax.Array]
"""(H, C) of a ConvLSTM."""


def conv_lstm(weights: Weights, x: jax.Array, state: State, dtype: Any = jnp.float32) -> State:
    """One step, eq. (1)-(5): x [B, H, W, I], state (H, C) each float32 [B, H, W, F] -> the next state.

    Args:
      weights: as `ConvLSTM.weights` makes them; the gates are ordered i, f, c, o.
      dtype: in which the convolution runs; the rest is float32.
    """
    hidden, cell = state
    joint = jnp.concatenate([x, hidden.astype(x.dtype)], axis=-1)
    made = strided.down(joint.astype(dtype), weights["kernel"].astype(dtype), 1).astype(jnp.float32) + weights["bias"]
    i, f, c, o = jnp.split(made, 4, axis=-1)
    peephole = weights.get("peephole")
    if peephole is not None:
        i, f = i + peephole[0] * cell, f + peephole[1] * cell
    cell = jax.nn.sigmoid(f) * cell + jax.nn.sigmoid(i) * jnp.tanh(c)
    if peephole is not None:
        o = o + peephole[2] * cell
    return jax.nn.sigmoid(o) * jnp.tanh(cell), cell


class ConvLSTM(nn.Module):
    """The weights of `conv_lstm`, and the cell itself.

    Parameters: kernel [k, k, I + F, 4 F], bias [4 F] (1 in the forget gate, so that a new cell remembers) and, with
    `peephole`, peephole [3, H, W, F] (of the gates i, f, o; zero at first). `kernel` is odd.
    """

    features: int
    kernel: int = 3
    peephole: bool = False
    dtype: Any = jnp.float32

    @nn.compact
    def weights(self, shape: tuple[int, ...]) -> Weights:
        """For inputs of the given (H, W, I)."""
        height, width, inputs = shape
        n = self.features
        forget = jnp.repeat(jnp.array([0.0, 1.0, 0.0, 0.0]), n)
        size = (self.kernel, self.kernel, inputs + n, 4 * n)
        made = {
            "kernel": self.param("kernel", nn.initializers.glorot_uniform(), size, jnp.float32),
            "bias": self.param("bias", lambda _: forget),
        }
        if self.peephole:
            made["peephole"] = self.param("peephole", nn.initializers.zeros, (3, height, width, n), jnp.float32)
        return made

    def __call__(self, x: jax.Array, state: State) -> State:
        return conv_lstm(self.weights(x.shape[1:]), x, state, self.dtype)

    def zeros(self, x: jax.Array) -> State:
        """The state before the first input like x [B, H, W, I]."""
        zero = jnp.zeros((*x.shape[:3], self.features), jnp.float32)
        return zero, zero


def gru(weights: Weights, x: jax.Array, hidden: jax.Array) -> jax.Array:
    """One step, eq. (6)-(9): x [B, I], hidden [B, F] -> the next hidden state [B, F].

    Args:
      weights: "input" [I, 3 F], "hidden" [F, 3 F], "bias" [3 F] (gates r, z, n) and "reset" [F] (c_n).
    """
    from_x = jnp.split(x @ weights["input"] + weights["bias"], 3, axis=-1)
    from_h = jnp.split(hidden @ weights["hidden"], 3, axis=-1)
    r = jax.nn.sigmoid(from_x[0] + from_h[0])
    z = jax.nn.sigmoid(from_x[1] + from_h[1])
    n = jnp.tanh(from_x[2] + r * (from_h[2] + weights["reset"]))
    return (1.0 - z) * n + z * hidden


class GRU(nn.Module):
    """A GRU over a sequence: x float32 [B, T, I], first hidden state [B, F] -> hidden states [B, T, F]."""

    features: int

    @nn.compact
    def __call__(self, x: jax.Array, first: jax.Array) -> jax.Array:
        n = self.features
        weights = {
            "input": self.param("input", nn.initializers.lecun_normal(), (x.shape[-1], 3 * n), jnp.float32),
            "hidden": self.param("hidden", _three_orthogonal, (n, 3 * n), jnp.float32),
            "bias": self.param("bias", nn.initializers.zeros, (3 * n,), jnp.float32),
            "reset": self.param("reset", nn.initializers.zeros, (n,), jnp.float32),
        }

        def step(hidden, x):
            hidden = gru(weights, x, hidden)
            return hidden, hidden

        return jnp.swapaxes(jax.lax.scan(step, first, jnp.swapaxes(x, 0, 1))[1], 0, 1)


def _three_orthogonal(key, shape, dtype):
    """One orthogonal matrix per gate, side by side."""
    square = (shape[0], shape[0])
    return jnp.concatenate([nn.initializers.orthogonal()(k, square, dtype) for k in jax.random.split(key, 3)], axis=1)
