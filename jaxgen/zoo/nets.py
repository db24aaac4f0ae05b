"""Network names -> network files. The table is explicit; a file is imported when its network is asked for."""

import dataclasses
import importlib
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from jaxgen.core import UserError, choose, suggest
from jaxgen.nets.roles import Net, functional

NETS: dict[str, str] = {
    # name in a config: module and class. Generators and critics:
    "mlp_generator": "jaxgen.nets.gan.mlp:MLPGenerator",
    "mlp_critic": "jaxgen.nets.gan.mlp:MLPCritic",
    "dcgan_generator": "jaxgen.nets.gan.dcgan:DCGANGenerator",
    "dcgan_critic": "jaxgen.nets.gan.dcgan:DCGANCritic",
    "sngan_generator": "jaxgen.nets.gan.sngan:SNGANGenerator",
    "sngan_critic": "jaxgen.nets.gan.sngan:SNGANCritic",
    # denoisers:
    "unet": "jaxgen.nets.diffusion.unet:UNet",
    "dit": "jaxgen.nets.diffusion.dit:DiT",
    "mlp_denoiser": "jaxgen.nets.diffusion.mlp:MLP",
    # video:
    "convlstm": "jaxgen.nets.video.convlstm:ConvLSTMPredictor",
    "gru_motion": "jaxgen.nets.video.mocogan:GRUMotion",
    "video_critic": "jaxgen.nets.video.mocogan:VideoCritic",
    # causal networks:
    "pixelcnn": "jaxgen.nets.autoregressive.pixelcnn:PixelCNN",
    "pixelcnn_pp": "jaxgen.nets.autoregressive.pixelcnn_pp:PixelCNNPP",
    # classifiers:
    "cnn_classifier": "jaxgen.nets.classifier:CNNClassifier",
    "vgg_classifier": "jaxgen.nets.features.vgg:VGGClassifier",
    # feature encoders, and what inverts them:
    "vgg": "jaxgen.nets.features.vgg:VGG",
    "mirrored_decoder": "jaxgen.nets.style.decoder:MirroredDecoder",
    # bijections:
    "realnvp": "jaxgen.nets.flow.realnvp:RealNVP",
    "glow": "jaxgen.nets.flow.glow:Glow",
    "flow_dequantizer": "jaxgen.nets.flow.dequantizer:FlowDequantizer",
    # translators and their critics:
    "residual_translator": "jaxgen.nets.translation.residual:ResidualTranslator",
    "unet_translator": "jaxgen.nets.translation.unet:UNetTranslator",
    "patch_critic": "jaxgen.nets.translation.patch:PatchCritic",
    # upscalers:
    "srcnn": "jaxgen.nets.super_resolution.srcnn:SRCNN",
    "edsr": "jaxgen.nets.super_resolution.edsr:EDSR",
    # encoders and decoders:
    "vae_mlp_encoder": "jaxgen.nets.vae.mlp:MLPEncoder",
    "vae_mlp_decoder": "jaxgen.nets.vae.mlp:MLPDecoder",
    "vae_conv_encoder": "jaxgen.nets.vae.conv:ConvEncoder",
    "vae_conv_decoder": "jaxgen.nets.vae.conv:ConvDecoder",
    "kl_encoder": "jaxgen.nets.vae.kl:KLEncoder",
    "kl_decoder": "jaxgen.nets.vae.kl:KLDecoder",
    "kl_autoencoder": "jaxgen.nets.vae.kl:KLAutoencoder",
}


def build(section: Mapping[str, Any], where: str, **implied: Any) -> Net:
    """The network of a config section, as `module` makes it, in functional form."""
    return functional(module(section, where, **implied))


def module(section: Mapping[str, Any], where: str, **implied: Any) -> nn.Module:
    """The linen module of a config section {"name": ..., **fields of that module}.

    Args:
      where: the section's name in the config, for messages ("nets.generator").
      implied: values the module gets if it has such a field and the section leaves it out (image_shape, classes,
        axis_name).

    Raises:
      UserError: unknown network or unknown field; the nearest is named.
    """
    settings = dict(section)
    name = settings.pop("name")
    module_name, class_name = choose(NETS, name, f"network in {where}.name").split(":")
    cls = getattr(importlib.import_module(module_name), class_name)
    fields = {field.name for field in dataclasses.fields(cls)} - {"parent", "name"}
    for key in settings:
        if key not in fields:
            raise UserError(f"Network {name!r} has no setting {key!r} ({where}.{key}).{suggest(key, fields)}")
    given = {key: value for key, value in implied.items() if key in fields} | settings
    if isinstance(given.get("dtype"), str):
        given["dtype"] = jnp.dtype(given["dtype"])
    return cls(**given)
