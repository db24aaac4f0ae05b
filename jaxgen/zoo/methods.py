"""Method names -> how a config becomes a `Method`. One file per family in this room translates its configs."""

import importlib

from ml_collections import ConfigDict

from jaxgen.core import Method, choose

METHODS = {
    "gan": "jaxgen.zoo.gan:build",
    "vae": "jaxgen.zoo.vae:build",
    "diffusion": "jaxgen.zoo.diffusion:build",
    "flow": "jaxgen.zoo.flow:build",
    "autoregressive": "jaxgen.zoo.autoregressive:build",
    "classifier": "jaxgen.zoo.classifier:build",
    "mixture": "jaxgen.zoo.mixture:build",
    "random_field": "jaxgen.zoo.random_field:build",
    "restore": "jaxgen.zoo.restore:build",
    "gatys": "jaxgen.zoo.stylize:build_gatys",
    "adain": "jaxgen.zoo.stylize:build_adain",
    "pix2pix": "jaxgen.zoo.translate:build_pix2pix",
    "cyclegan": "jaxgen.zoo.translate:build_cyclegan",
    "predictor": "jaxgen.zoo.video:predictor",
    "mocogan": "jaxgen.zoo.video:mocogan",
}


def build(config: ConfigDict, info, axis: str | None = None) -> Method:
    """The method of a config.

    Args:
      info: `jaxgen.data.Info` of the data set: image shape after transforms, number of classes.
      axis: name of the replica axis under pmap; None under jit.

    Raises:
      UserError: something in the config does not fit together.
    """
    module, function = choose(METHODS, config.method.name, "method.name").split(":")
    return getattr(importlib.import_module(module), function)(config, info, axis)
