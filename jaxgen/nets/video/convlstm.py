"""The encoding-forecasting ConvLSTM network (Shi et al. 2015, section 3.2), as two scans over time.

Frames are cut into patches (p x p pixels become channels, section 4.1). Two stacks of ConvLSTM cells of equal shape,
the encoder's e and the forecaster's f, run one after the other over one state; with context frames x_1 ... x_J:
    (1)  S_t = e(x_t, S_{t-1})                        t = 1 ... J, S_0 = 0
    (2)  S_t = f(y_{t-1}, S_{t-1}),  y_J = x_J        t = J+1 ... J+K
    (3)  y_t = W [H_t^1, ..., H_t^L] + b              all layers' hidden states, by a 1x1 convolution
`feedback=False` puts zero for y_{t-1} in (2), as the paper does. `residual` adds y_{t-1} to (3) and starts with W = 0,
that is from persistence: every forecast is the last frame seen.

`next_frame` has one stack, and every state forecasts the frame after it, those seen included:
    (4)  S_t = e(x_t, S_{t-1}),  y_{t+1} = W [H_t^1, ..., H_t^L] + b      t = 1 ... J+K-1, y_t for x_t when t > J
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgen.core import UserError
from jaxgen.layers.recurrent import ConvLSTM, Weights, conv_lstm
from jaxgen.ops.clips import clips, frames
from jaxgen.ops.resample import depth_to_space, space_to_depth


class ConvLSTMPredictor(nn.Module):
    """Context frames [B, J, H, W, C] in [-1, 1] -> the next `future` frames [B, K, H, W, C], float32, unbounded.

    With `logits` the output is in logits of (y + 1) / 2, and what is fed back is their frame in (-1, 1). With
    `next_frame` and `train` the output is [B, J - 1 + K, H, W, C], the forecasts of frames 2 ... J before the others.
    """

    image_shape: tuple[int, int, int]
    future: int
    hidden: tuple[int, ...] = (64, 64)
    kernel: int = 3
    patch: int = 4
    peephole: bool = False
    feedback: bool = True
    next_frame: bool = False
    residual: bool = False
    logits: bool = False
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, video: jax.Array, cond, *, train: bool) -> jax.Array:
        height, width, _ = self.image_shape
        if height % self.patch or width % self.patch:
            raise UserError(
                f"convlstm cuts frames into patches of {self.patch} pixels, which {height}x{width} is no multiple of; "
                "set nets.predictor.patch or data.size."
            )
        if self.next_frame and not self.feedback:
            raise UserError("convlstm with next_frame reads its own forecasts; set feedback to true.")
        if not self.hidden or self.kernel % 2 == 0 or (self.residual and self.logits):
            raise UserError("convlstm needs one hidden layer or more, an odd kernel, and no residual with logits.")
        length = video.shape[1]
        x = clips(space_to_depth(frames(video.astype(jnp.float32)), self.patch), length)
        layers, start = self._layers(x)
        init = nn.initializers.zeros if self.residual else nn.initializers.lecun_normal()
        kernel = self.param("head_kernel", init, (sum(self.hidden), x.shape[-1]), jnp.float32)
        bias = self.param("head_bias", nn.initializers.zeros, x.shape[-1:], jnp.float32)

        def advance(stack, below, states):
            new = []
            for weights, state in zip(stack, states, strict=True):
                state = conv_lstm(weights, below, state, self.dtype)
                below = state[0]
                new.append(state)
            return new

        def head(states, known):
            y = jnp.concatenate([h for h, _ in states], axis=-1) @ kernel + bias
            return y + known if self.residual else y

        def shown(y):
            return jnp.tanh(0.5 * y) if self.logits else y  # 2 s(y) - 1

        def see(states, known):
            states = advance(layers[0], known, states)
            return states, head(states, known) if self.next_frame else None

        def forecast(carry, _):
            states, known = carry
            states = advance(layers[-1], known if self.feedback else jnp.zeros_like(known), states)
            y = head(states, known)
            return (states, shown(y)), y

        states, early = jax.lax.scan(see, start, jnp.swapaxes(x, 0, 1))
        first = shown(early[-1]) if self.next_frame else x[:, -1]
        _, y = jax.lax.scan(forecast, (states, first), None, self.future - self.next_frame)
        if self.next_frame:
            y = jnp.concatenate([early if train else early[-1:], y])
        y = jnp.swapaxes(y, 0, 1)
        return clips(depth_to_space(frames(y), self.patch), y.shape[1])

    def _layers(self, x):
        """Weights of (encoder, forecaster), or (encoder,) with `next_frame`, layer by layer, and the zero states."""
        parts = ("encode",) if self.next_frame else ("encode", "forecast")
        stacks: list[list[Weights]] = [[] for _ in parts]
        start = []
        shape = x.shape[2:]
        for i, features in enumerate(self.hidden):
            cells = [ConvLSTM(features, self.kernel, self.peephole, name=f"{part}_{i}") for part in parts]
            for stack, cell in zip(stacks, cells, strict=True):
                stack.append(cell.weights(shape))
            start.append(cells[0].zeros(x[:, 0]))
            shape = (*shape[:2], features)
        return stacks, start
