"""Our Glow against normflows' multi-scale Glow with the same weights: log-likelihoods, latents and the way back."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs requirements-oracles.txt")
normflows = pytest.importorskip("normflows", reason="needs requirements-oracles.txt")

from jaxgen.nets.flow.glow import Glow, latent_shapes  # noqa: E402
from jaxgen.nets.roles import functional  # noqa: E402
from jaxgen.objectives.dequantization import normal_log_prob  # noqa: E402

pytestmark = pytest.mark.oracle
IMAGE, LEVELS, STEPS, WIDTH, CLAMP = (8, 8, 3), 3, 2, 12, 5.0


def _peer():
    """normflows counts levels and steps in the order of sampling, from the latents to the image."""
    torch.manual_seed(0)
    shapes = latent_shapes(IMAGE, LEVELS)[::-1]
    flows, merges, bases = [], [], []
    for level, (height, width, channels) in enumerate(shapes):
        whole = channels * (1 if level == 0 else 2)
        blocks = [
            normflows.flows.GlowBlock(whole, WIDTH, split_mode="channel", scale=True, net_actnorm=True)
            for _ in range(STEPS)
        ]
        flows.append([*blocks, normflows.flows.Squeeze()])
        merges += [normflows.flows.Merge()] if level else []
        bases.append(normflows.distributions.DiagGaussian((channels, height, width)))
    peer = normflows.MultiscaleFlow(bases, flows, merges, class_cond=False)
    with torch.no_grad():
        for name, weight in peer.named_parameters():
            if "loc" in name or "log_scale" in name:  # per channel, as ours
                weight.copy_((0.3 * torch.randn(weight.shape[1]))[None, :, None, None].expand_as(weight))
            else:
                weight.add_(0.03 * torch.randn(weight.shape))
        for module in peer.modules():
            if isinstance(module, normflows.flows.ActNorm):
                module.data_dep_init_done = torch.tensor(1.0)
    return peer


def _array(tensor):
    return tensor.detach().numpy()


def _kernel(conv):
    return _array(conv.weight).transpose(2, 3, 1, 0)


def _hidden_norm(layer):
    log_scale, shift = _array(layer.actNorm.s).ravel(), _array(layer.actNorm.t).ravel()
    return {"bias": shift * np.exp(-log_scale), "log_scale": log_scale}


def _step(block):
    """One block's weights under our names, and what it never trains."""
    coupling, mix, norm = block.flows
    first, first_norm, _, second, second_norm, _, out = coupling.flows[1].param_map.net
    sign = np.where(np.arange(out.out_channels) % 2 == 0, -1.0, 1.0)  # their inverse subtracts the shift
    order = [*range(0, out.out_channels, 2), *range(1, out.out_channels, 2)]  # and interleaves it with the scale
    network = {
        "conv_0": {"kernel": _kernel(first)},
        "norm_0": _hidden_norm(first_norm),
        "conv_1": {"kernel": _kernel(second)},
        "norm_1": _hidden_norm(second_norm),
        "out": {
            "conv": {"kernel": (_kernel(out) * sign)[..., order], "bias": (_array(out.bias) * sign)[order]},
            "gain": np.zeros(out.out_channels),
        },
    }
    factors = np.tril(_array(mix.L), -1) + np.triu(_array(mix.U), 1) + np.diag(_array(mix.log_S))
    params = {
        "actnorm": {"bias": -_array(norm.t).ravel(), "log_scale": -_array(norm.s).ravel()},
        "mix": {"factors": factors},
        "coupling": {"network": network},
    }
    return params, {"mix": {"permutation": _array(mix.P), "sign": _array(mix.sign_S)}}


def _gaussian(base):
    """Mean, and the raw value whose bounded log scale is theirs, per channel."""
    log_scale = _array(base.log_scale)[0, :, 0, 0]
    return np.concatenate([_array(base.loc)[0, :, 0, 0], CLAMP * np.arctanh(log_scale / CLAMP)])


def _weights(peer):
    params, fixed = {"prior": {"moments": _gaussian(peer.q0[0])}}, {}
    for level in range(LEVELS):
        theirs = LEVELS - 1 - level
        steps = [_step(block) for block in list(peer.flows[theirs])[:STEPS][::-1]]
        params[f"level_{level}"], fixed[f"level_{level}"] = jax.tree.map(lambda *x: np.stack(x), *steps)
        if theirs:
            moments = _gaussian(peer.q0[theirs])
            conv = {"kernel": np.zeros((3, 3, len(moments) // 2, len(moments))), "bias": moments}
            params[f"split_{level}"] = {"prior": {"conv": conv, "gain": np.zeros(len(moments))}}
    return jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), (params, {"fixed": fixed}))


def test_likelihoods_and_samples_agree():
    peer, net = _peer(), functional(Glow(IMAGE, levels=LEVELS, steps=STEPS, width=WIDTH, clamp=CLAMP))
    params, fixed = _weights(peer)
    x = np.random.default_rng(0).normal(size=(5, *IMAGE)).astype(np.float32)
    like = jax.eval_shape(net.init, jax.random.key(0), x, {})
    assert jax.tree.map(jnp.shape, (params, fixed)) == jax.tree.map(lambda leaf: leaf.shape, like)
    with torch.no_grad():
        theirs = peer.log_prob(torch.from_numpy(x.transpose(0, 3, 1, 2).copy()), None)
    (z, log_det), _ = jax.jit(net.apply)(params, fixed, x, {})
    np.testing.assert_allclose(normal_log_prob(z) + log_det, theirs.numpy(), atol=1e-3)

    noise = np.asarray(z)  # of images: where random weights let both inverses stay finite
    ours = jax.jit(lambda z: net.apply(params, fixed, z, {}, method="inverse")[0])(noise)
    latents, start = [], 0
    for shape in latent_shapes(IMAGE, LEVELS):
        size = int(np.prod(shape))
        latents.append(noise[:, start : start + size].reshape(5, *shape).transpose(0, 3, 1, 2).copy())
        start += size
    with torch.no_grad():
        scaled = [
            base.loc + torch.exp(base.log_scale) * torch.from_numpy(part)
            for base, part in zip(peer.q0, latents[::-1], strict=True)
        ]
        drawn, _ = peer.forward_and_log_det(scaled)
    np.testing.assert_allclose(ours, drawn.numpy().transpose(0, 2, 3, 1), atol=1e-4, rtol=1e-4)
