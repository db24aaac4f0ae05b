"""A mixture config as a `Method`; `method` is made by `jaxgen.zoo.defaults.mixing`."""

from ml_collections import ConfigDict

from jaxgen.core import Method, UserError
from jaxgen.methods.mixture import mixture


def build(config: ConfigDict, info, axis: str | None = None) -> Method:
    """The method of a config with `method.name = "mixture"`.

    Raises:
      UserError: settings that do not fit each other or the images.
    """
    method = config.method
    if config.train.micro != 1:
        raise UserError("EM reads a batch as a whole: leave train.micro at 1, and use stepwise EM for large sets.")
    tiles = (info.image[0] // method.patch) * (info.image[1] // method.patch) if method.patch else 1
    if config.train.batch_size * max(tiles, 1) < method.components:
        raise UserError(
            f"A batch of {config.train.batch_size} cannot start {method.components} components: raise train.batch_size "
            "or lower method.components."
        )
    return mixture(
        components=method.components,
        image=tuple(info.image),
        covariance=method.covariance,
        patch=method.patch,
        floor=method.floor,
        decay=method.decay,
        delay=method.delay,
        rounds=method.rounds,
        examples=info.sizes.get("train", 0),
        sampler=config.sampler,
        axis=axis,
    )
