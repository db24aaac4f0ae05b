"""Pairs with other projects' models: diffusers' U-Net and DDIM, the DCGAN generator, normflows' Glow.

Where tests/oracles copies a peer's weights already, its functions are used.
"""

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch
from peer_pairs import Pair, array, ddim_times, kernel, normal, scatter
from torch import nn

from jaxgen.processes import hub, vp_linear
from jaxgen.samplers import ddim

# ---- diffusers' U-Net and DDIM


def _unet():
    import diffusers
    from test_unet_diffusers import _weights

    from jaxgen.nets.diffusion.unet import UNet

    peer = diffusers.UNet2DModel(
        sample_size=32,
        in_channels=3,
        out_channels=3,
        layers_per_block=2,
        block_out_channels=(64, 128, 128),
        down_block_types=("DownBlock2D", "AttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
        downsample_padding=0,
        norm_num_groups=16,
        attn_norm_num_groups=16,
        norm_eps=1e-6,
        attention_head_dim=32,
        flip_sin_to_cos=False,
        freq_shift=1,
    )
    net = UNet(
        (32, 32, 3),
        width=64,
        multipliers=(1, 2, 2),
        blocks=2,
        attention=(16,),
        heads=4,
        groups=16,
        eps=1e-6,
        cosine_first=False,
        shift=1.0,
    )
    peer = scatter(peer)
    return net, _weights(peer), peer


def unet_sampling(batch: int) -> Pair:
    """DDIM from noise, the whole loop on both sides."""
    net, params, peer = _unet()
    scheduler, times = ddim_times()
    process = vp_linear()

    def ours(params, noise):
        def field(x, t):
            count = jnp.broadcast_to(1000.0 * t - 1.0, x.shape[:1])
            eps = net.apply({"params": params}, x, {"t": count}, {}, train=False)
            return hub(process, "eps", x, eps, t)

        return ddim(process, field, noise, times, jax.random.split(jax.random.key(0), noise.shape[0]))

    def theirs(net, x):
        for step in scheduler.timesteps:
            x = scheduler.step(net(x, step).sample, step, x).prev_sample
        return x

    return Pair(ours, params, peer, theirs, (normal(batch, 32, 32, 3),), 1e-3)


def unet(batch: int) -> Pair:
    """One evaluation; its gradient is what a training step costs."""
    net, params, peer = _unet()
    t = np.linspace(0, 999, batch).round().astype(np.float32)

    def ours(params, x, t):
        return net.apply({"params": params}, x, {"t": t}, {}, train=False)

    return Pair(ours, params, peer, lambda net, x, t: net(x, t).sample, (normal(batch, 32, 32, 3), t))


# ---- DCGAN's generator (Radford et al. 2016), 64x64


def dcgan(batch: int) -> Pair:
    from jaxgen.nets.gan.dcgan import DCGANGenerator

    widths = (512, 256, 128, 64)
    layers: list[nn.Module] = [nn.ConvTranspose2d(100, widths[0], 4, 1, 0, bias=False)]
    for inputs, outputs in itertools.pairwise(widths):
        layers += [nn.BatchNorm2d(inputs), nn.ReLU(), nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False)]
    layers += [nn.BatchNorm2d(widths[-1]), nn.ReLU(), nn.ConvTranspose2d(widths[-1], 3, 4, 2, 1), nn.Tanh()]
    peer = scatter(nn.Sequential(*layers))
    convs = [layer for layer in layers if isinstance(layer, nn.ConvTranspose2d)]
    norms = [layer for layer in layers if isinstance(layer, nn.BatchNorm2d)]
    params: dict[str, Any] = {
        "project": {"kernel": array(convs[0].weight).transpose(0, 2, 3, 1).reshape(100, -1)},
        **{f"up_{i}": {"kernel": kernel(conv)} for i, conv in enumerate(convs[1:-1], 1)},
        "image": {"kernel": kernel(convs[-1]), "bias": array(convs[-1].bias)},
        **{f"norm_{i}": {"batch": {"scale": array(n.weight), "bias": array(n.bias)}} for i, n in enumerate(norms)},
    }
    stats = {
        f"norm_{i}": {"batch": {"mean": array(n.running_mean), "var": array(n.running_var)}}
        for i, n in enumerate(norms)
    }
    net = DCGANGenerator((64, 64, 3), widths)

    def ours(params, z):
        return net.apply({"params": params, "batch_stats": stats}, z, {}, train=False)

    return Pair(ours, params, peer, lambda net, z: net(z[:, :, None, None]), (normal(batch, 100),))


# ---- normflows' Glow, sampling


class _Draw(nn.Module):
    """Latents of unit noise -> images, through normflows' own layers."""

    def __init__(self, peer, shapes):
        super().__init__()
        self.peer, self.shapes = peer, shapes

    def forward(self, z):
        parts = z.split([height * width * channels for height, width, channels in self.shapes], dim=1)
        noise = [part.reshape(-1, *shape).permute(0, 3, 1, 2) for part, shape in zip(parts, self.shapes, strict=True)]
        scaled = [
            base.loc + torch.exp(base.log_scale) * part for base, part in zip(self.peer.q0, noise[::-1], strict=True)
        ]
        return self.peer.forward_and_log_det(scaled)[0]


def glow(batch: int) -> Pair:
    import test_glow_normflows as oracle

    from jaxgen.nets.flow.glow import Glow, latent_shapes
    from jaxgen.nets.roles import functional

    image, levels, steps, width = (32, 32, 3), 3, 8, 64
    oracle.IMAGE, oracle.LEVELS, oracle.STEPS, oracle.WIDTH = image, levels, steps, width
    peer = oracle._peer().eval()
    params, fixed = oracle._weights(peer)
    net = functional(Glow(image, levels=levels, steps=steps, width=width, clamp=oracle.CLAMP))
    # Latents of images: with random weights the inverse of other latents may overflow.
    (z, _), _ = jax.jit(net.apply)(params, fixed, normal(batch, *image), {})

    def ours(params, z):
        return net.apply(params, fixed, z, {}, method="inverse")[0]

    return Pair(ours, params, _Draw(peer, latent_shapes(image, levels)), lambda net, z: net(z), (np.array(z),), 1e-3)
