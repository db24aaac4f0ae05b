"""Our diffusion transformer against diffusers' `DiTTransformer2DModel` with the same weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs requirements-oracles.txt")
diffusers = pytest.importorskip("diffusers", reason="needs requirements-oracles.txt")

from test_unet_diffusers import _dense, _shuffled  # noqa: E402

from jaxgen.nets.diffusion.dit import DiT  # noqa: E402

pytestmark = pytest.mark.oracle


def joined(layers):
    """Dense layers side by side as one."""
    parts = [_dense(layer) for layer in layers]
    return {name: np.concatenate([part[name] for part in parts], axis=-1) for name in ("kernel", "bias")}


def share_embeddings(peer):
    """diffusers keeps embeddings of time and label in every block and asks those of the first at the end; published
    weights repeat one."""
    for block in peer.transformer_blocks:
        block.norm1.emb = peer.transformer_blocks[0].norm1.emb
    return peer


def weights(peer, *, scan):
    """The peer's weights under our names."""
    first = peer.transformer_blocks[0].norm1.emb
    patch = peer.pos_embed.proj
    params = {
        "patches": {
            "kernel": patch.weight.detach().numpy().transpose(2, 3, 1, 0).reshape(-1, patch.out_channels),
            "bias": patch.bias.detach().numpy(),
        },
        "time": {"hidden": _dense(first.timestep_embedder.linear_1), "out": _dense(first.timestep_embedder.linear_2)},
        "label": {"table": {"embedding": first.class_embedder.embedding_table.weight.detach().numpy()}},
        "modulation": _dense(peer.proj_out_1),
        "pixels": _dense(peer.proj_out_2),
    }
    blocks = [
        {
            "modulation": _dense(block.norm1.linear),
            "qkv": joined([block.attn1.to_q, block.attn1.to_k, block.attn1.to_v]),
            "out": _dense(block.attn1.to_out[0]),
            "mlp_in": _dense(block.ff.net[0].proj),
            "mlp_out": _dense(block.ff.net[2]),
        }
        for block in peer.transformer_blocks
    ]
    if scan:
        return params | {"blocks": jax.tree.map(lambda *x: np.stack(x), *blocks)}
    return params | {f"block_{i}": block for i, block in enumerate(blocks)}


@pytest.mark.parametrize("scan", [False, True], ids=["unrolled", "scanned"])
@pytest.mark.parametrize("patch", [1, 2])
def test_forward_pass(patch, scan):
    classes, depth, heads, size = 7, 3, 4, 8
    peer = diffusers.DiTTransformer2DModel(
        num_attention_heads=heads,
        attention_head_dim=8,
        in_channels=3,
        num_layers=depth,
        sample_size=size,
        patch_size=patch,
        num_embeds_ada_norm=classes,
        norm_eps=1e-6,
    )
    peer = _shuffled(share_embeddings(peer))
    net = DiT((size, size, 3), classes, 8 * heads, depth, heads, patch, shift=1.0, scan=scan)
    random = np.random.default_rng(0)
    x, t = random.normal(size=(3, size, size, 3)).astype(np.float32), np.array([0, 17, 999])
    label = np.array([0, 3, classes])
    with torch.no_grad():
        theirs = peer(torch.tensor(x.transpose(0, 3, 1, 2)), torch.tensor(t), torch.tensor(label)).sample.numpy()
    cond = {"label": jnp.asarray(label)}
    params = {"params": weights(peer, scan=scan)}
    ours = net.apply(params, jnp.asarray(x), {"t": jnp.asarray(t)}, cond, train=False)
    theirs = theirs.transpose(0, 2, 3, 1)
    assert np.std(theirs) > 0.1
    np.testing.assert_allclose(ours, theirs, atol=1e-4 * np.abs(theirs).max())
