"""A random-field config as a `Method`; `method` is made by `jaxgen.zoo.defaults.random_field`."""

from ml_collections import ConfigDict

from jaxgen import optim
from jaxgen.core import Method, choose
from jaxgen.methods.random_field import random_field
from jaxgen.objectives.fields import FIELDS


def build(config: ConfigDict, info, axis: str | None = None) -> Method:
    """The method of a config with `method.name = "random_field"`.

    Raises:
      UserError: settings that do not fit each other or the images.
    """
    method = config.method
    make = choose(FIELDS, method.field, "method.field")
    own = {"potts": ("levels",), "gaussian": ("floor",)}[method.field]
    return random_field(
        make(tuple(info.image[:2]), offsets=method.offsets, shared=method.shared, **{key: method[key] for key in own}),
        optim.build(config.optim, config.train.steps),
        image=tuple(info.image),
        objective=method.objective,
        sweeps=method.sweeps,
        sampler=config.sampler,
        averages=optim.averages(config.optim.ema),
        micro=config.train.micro,
        axis=axis,
    )
