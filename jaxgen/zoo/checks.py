"""What builders of several families ask of a config before they make its method."""

import inspect
from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict

from jaxgen.core import UserError, choose, suggest


def classes(config: ConfigDict, info) -> int:
    """How many labels a model is told: those of the data set where `method.conditional` is true, else 0.

    Raises:
      UserError: a conditional model of data without labels.
    """
    if not config.method.conditional:
        return 0
    if not info.classes:
        raise UserError(f"method.conditional is true, but the data set {info.name!r} has no labels; set it to false.")
    return len(info.classes)


def batch_divides(config: ConfigDict) -> None:
    """Raise a `UserError` unless `train.micro` divides the batch."""
    if config.train.batch_size % config.train.micro:
        raise UserError(
            f"train.batch_size {config.train.batch_size} does not divide into train.micro {config.train.micro} parts."
        )


def critic_is_not_averaged(config: ConfigDict) -> None:
    """Raise a `UserError` if averages of the discriminator's weights are asked for."""
    if config.optim.discriminator.ema:
        raise UserError("optim.discriminator.ema is set, but only the generator's weights are averaged; leave it {}.")


def chosen(table: Mapping[str, Any], section: Mapping[str, Any], where: str, kind: str, **implied: Any) -> Any:
    """What a section {"name", ...settings} says: the builder of that name in `table`, called with the settings.

    Args:
      where: the section's name in the config, such as "method.likelihood".
      kind: what the table holds, for messages, such as "Likelihood".
      implied: arguments of the builder that no config sets.

    Raises:
      UserError: an unknown name or setting; the nearest is named.
    """
    settings = dict(section)
    name = settings.pop("name")
    make = choose(table, name, f"{where}.name")
    known = [key for key in inspect.signature(make).parameters if key not in implied]
    for key in settings:
        if key not in known:
            raise UserError(f"{kind} {name!r} has no setting {key!r} ({where}.{key}).{suggest(key, known)}")
    return make(**implied, **settings)
