"""Pairs with diffusers' latent diffusion: the diffusion transformer and the decoder of the KL autoencoder."""

import jax
import jax.numpy as jnp
import numpy as np
from peer_pairs import Pair, ddim_times, normal, scatter
from torch import nn

from jaxgen.processes import hub, vp_linear
from jaxgen.samplers import ddim

CLASSES = 1000


# ---- DiT-S/4 of Peebles & Xie 2023, table 1: latents of 32x32x4, 64 tokens


def _dit():
    import diffusers
    from test_dit_diffusers import share_embeddings, weights

    from jaxgen.nets.diffusion.dit import DiT

    peer = diffusers.DiTTransformer2DModel(
        num_attention_heads=6,
        attention_head_dim=64,
        in_channels=4,
        num_layers=12,
        sample_size=32,
        patch_size=4,
        num_embeds_ada_norm=CLASSES,
        norm_eps=1e-6,
    )
    peer = scatter(share_embeddings(peer))
    net = DiT((32, 32, 4), CLASSES, 384, 12, 6, 4, shift=1.0)
    return net, weights(peer, scan=False), peer


def _labels(batch: int) -> np.ndarray:
    return np.arange(batch) % CLASSES


def dit_sampling(batch: int) -> Pair:
    """DDIM from noise, the whole loop on both sides."""
    net, params, peer = _dit()
    scheduler, times = ddim_times()
    process = vp_linear()

    def ours(params, noise, label):
        def field(x, t):
            count = jnp.broadcast_to(1000.0 * t - 1.0, x.shape[:1])
            eps = net.apply({"params": params}, x, {"t": count}, {"label": label}, train=False)
            return hub(process, "eps", x, eps, t)

        return ddim(process, field, noise, times, jax.random.split(jax.random.key(0), noise.shape[0]))

    def theirs(net, x, label):
        for step in scheduler.timesteps:
            x = scheduler.step(net(x, step.expand(len(x)), label).sample, step, x).prev_sample
        return x

    return Pair(ours, params, peer, theirs, (normal(batch, 32, 32, 4), _labels(batch)), 1e-3)


def dit(batch: int) -> Pair:
    """One evaluation; its gradient is what a training step costs."""
    net, params, peer = _dit()
    t = np.linspace(0, 999, batch).round().astype(np.float32)

    def ours(params, x, t, label):
        return net.apply({"params": params}, x, {"t": t}, {"label": label}, train=False)

    def theirs(net, x, t, label):
        return net(x, t, label).sample

    return Pair(ours, params, peer, theirs, (normal(batch, 32, 32, 4), t, _labels(batch)))


# ---- the decoder of diffusers' AutoencoderKL: 8x8x4 latents to 64x64 images


class _Decode(nn.Module):
    """Both of the decoder's modules as one."""

    def __init__(self, peer):
        super().__init__()
        self.quant, self.decoder = peer.post_quant_conv, peer.decoder

    def forward(self, z):
        return self.decoder(self.quant(z))


def kl_decoder(batch: int) -> Pair:
    import diffusers

    from jaxgen.interop.autoencoder import from_diffusers
    from jaxgen.nets.vae.kl import KLDecoder

    settings = dict(latent=4, widths=(64, 128, 128, 128), blocks=2, groups=16)
    peer = diffusers.AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=settings["widths"],
        layers_per_block=settings["blocks"],
        latent_channels=settings["latent"],
        norm_num_groups=settings["groups"],
    )
    peer = scatter(peer)
    tensors = {name: tensor.numpy().copy() for name, tensor in peer.state_dict().items()}
    params = from_diffusers(tensors, settings)["decoder"]
    net = KLDecoder((64, 64, 3), **settings)

    def ours(params, z):
        return net.apply({"params": params}, z, {}, train=False)

    return Pair(ours, params, _Decode(peer), lambda net, z: net(z), (normal(batch, 8, 8, 4),))
