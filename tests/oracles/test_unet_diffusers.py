"""Our U-Net against diffusers' `UNet2DModel` with the same weights."""

import jax.numpy as jnp
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs requirements-oracles.txt")
diffusers = pytest.importorskip("diffusers", reason="needs requirements-oracles.txt")

from jaxgen.nets.diffusion.unet import UNet  # noqa: E402

pytestmark = pytest.mark.oracle


def _dense(layer):
    return {"kernel": layer.weight.detach().numpy().T, "bias": layer.bias.detach().numpy()}


def _conv(layer):
    return {"kernel": layer.weight.detach().numpy().transpose(2, 3, 1, 0), "bias": layer.bias.detach().numpy()}


def _norm(layer):
    return {"scale": layer.weight.detach().numpy(), "bias": layer.bias.detach().numpy()}


def _residual(block):
    found = {
        "norm1": _norm(block.norm1),
        "conv1": _conv(block.conv1),
        "emb": _dense(block.time_emb_proj),
        "norm2": _norm(block.norm2),
        "conv2": _conv(block.conv2),
    }
    return found | ({"shortcut": _conv(block.conv_shortcut)} if block.conv_shortcut is not None else {})


def _attention(block):
    return {
        "norm": _norm(block.group_norm),
        "query": _dense(block.to_q),
        "key": _dense(block.to_k),
        "value": _dense(block.to_v),
        "out": _dense(block.to_out[0]),
    }


def _weights(peer):
    """The peer's weights under our names."""
    time = peer.time_embedding
    params = {
        "conv_in": _conv(peer.conv_in),
        "time": {"hidden": _dense(time.linear_1), "out": _dense(time.linear_2)},
        "mid_0": _residual(peer.mid_block.resnets[0]),
        "mid_attention": _attention(peer.mid_block.attentions[0]),
        "mid_1": _residual(peer.mid_block.resnets[1]),
        "norm_out": _norm(peer.conv_norm_out),
        "conv_out": _conv(peer.conv_out),
    }
    if peer.class_embedding is not None:
        params["label"] = {"table": {"embedding": peer.class_embedding.weight.detach().numpy()}}
    levels = len(peer.down_blocks)
    for name, blocks, order in (("down", peer.down_blocks, range(levels)), ("up", peer.up_blocks, range(levels)[::-1])):
        for level, block in zip(order, blocks, strict=True):
            for i, residual in enumerate(block.resnets):
                params[f"{name}{level}_{i}"] = _residual(residual)
            for i, attention in enumerate(getattr(block, "attentions", [])):
                params[f"{name}{level}_{i}_attention"] = _attention(attention)
            for sampler in getattr(block, f"{name}samplers") or []:
                params[f"{name}{level}_{name}"] = {"conv": _conv(sampler.conv)}
    return params


def _shuffled(peer):
    """Every weight random: fresh norms and biases are ones and zeros, which would hide a wrong mapping."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in peer.parameters():
            weight.add_(0.1 * torch.randn(weight.shape, generator=generator))
    return peer.eval()


@pytest.mark.parametrize("scale_shift", [False, True], ids=["added", "scale_shift"])
@pytest.mark.parametrize("heads", [1, 2])
@pytest.mark.parametrize("ddpm_time", [True, False], ids=["sine_first", "cosine_first"])
def test_forward_pass(scale_shift, heads, ddpm_time):
    width, classes, labelled = 16, 5, heads == 2
    peer = _shuffled(
        diffusers.UNet2DModel(
            sample_size=16,
            in_channels=3,
            out_channels=3,
            layers_per_block=2,
            block_out_channels=(width, 2 * width, 2 * width),
            down_block_types=("DownBlock2D", "AttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
            downsample_padding=0,
            norm_num_groups=4,
            attn_norm_num_groups=4,
            norm_eps=1e-6,
            attention_head_dim=2 * width // heads,
            flip_sin_to_cos=not ddpm_time,
            freq_shift=1 if ddpm_time else 0,
            resnet_time_scale_shift="scale_shift" if scale_shift else "default",
            num_class_embeds=classes + 1 if labelled else None,
        )
    )
    net = UNet(
        (16, 16, 3),
        classes=classes if labelled else 0,
        width=width,
        multipliers=(1, 2, 2),
        blocks=2,
        attention=(8,),
        heads=heads,
        groups=4,
        eps=1e-6,
        scale_shift=scale_shift,
        cosine_first=not ddpm_time,
        shift=1.0 if ddpm_time else 0.0,
    )
    random = np.random.default_rng(0)
    x, t = random.normal(size=(3, 16, 16, 3)).astype(np.float32), np.array([0, 17, 999])
    label = np.array([0, 3, classes])
    with torch.no_grad():
        asked = {"class_labels": torch.tensor(label)} if labelled else {}
        theirs = peer(torch.tensor(x.transpose(0, 3, 1, 2)), torch.tensor(t), **asked).sample.numpy()
    cond = {"label": jnp.asarray(label)} if labelled else {}
    ours = net.apply({"params": _weights(peer)}, jnp.asarray(x), {"t": jnp.asarray(t)}, cond, train=False)
    theirs = theirs.transpose(0, 2, 3, 1)
    assert np.std(theirs) > 0.1
    np.testing.assert_allclose(ours, theirs, atol=1e-4 * np.abs(theirs).max())
