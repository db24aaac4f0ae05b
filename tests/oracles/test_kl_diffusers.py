"""Our KL autoencoder against diffusers' `AutoencoderKL`, whose weights come through `jaxgen.interop.autoencoder`."""

import jax.numpy as jnp
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs requirements-oracles.txt")
diffusers = pytest.importorskip("diffusers", reason="needs requirements-oracles.txt")

from test_unet_diffusers import _shuffled  # noqa: E402

from jaxgen.interop.autoencoder import from_diffusers  # noqa: E402
from jaxgen.nets.vae.kl import KLAutoencoder  # noqa: E402

pytestmark = pytest.mark.oracle


@pytest.mark.parametrize(
    "settings",
    [
        dict(latent=4, widths=(16, 32, 32), blocks=2, groups=4),
        dict(latent=3, widths=(16, 16), blocks=1, groups=4, attention=False, quant=False),
    ],
    ids=["published form", "without attention and quant"],
)
def test_both_ways(settings):
    levels, attention, quant = len(settings["widths"]), settings.get("attention", True), settings.get("quant", True)
    peer = diffusers.AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        block_out_channels=settings["widths"],
        layers_per_block=settings["blocks"],
        latent_channels=settings["latent"],
        norm_num_groups=settings["groups"],
        mid_block_add_attention=attention,
        use_quant_conv=quant,
        use_post_quant_conv=quant,
    )
    peer = _shuffled(peer)
    tensors = {name: tensor.numpy() for name, tensor in peer.state_dict().items()}
    net, params = KLAutoencoder(**settings), {"params": from_diffusers(tensors, settings)}
    random = np.random.default_rng(0)
    x = random.uniform(-1, 1, size=(2, 16, 24, 3)).astype(np.float32)
    side = (16 >> (levels - 1), 24 >> (levels - 1))
    z = random.normal(size=(2, *side, settings["latent"])).astype(np.float32)
    with torch.no_grad():
        posterior = peer.encode(torch.tensor(x.transpose(0, 3, 1, 2))).latent_dist
        image = peer.decode(torch.tensor(z.transpose(0, 3, 1, 2))).sample
    mean, log_var = net.apply(params, jnp.asarray(x), train=False, method="encode")
    ours = {"mean": mean, "log_var": log_var}
    ours["image"] = net.apply(params, jnp.asarray(z), train=False, method="decode")
    theirs = {"mean": posterior.mean, "log_var": posterior.logvar, "image": image}
    for name, tensor in theirs.items():
        want = tensor.numpy().transpose(0, 2, 3, 1)
        assert np.std(want) > 0.05, name
        np.testing.assert_allclose(ours[name], want, atol=1e-4 * np.abs(want).max(), err_msg=name)
