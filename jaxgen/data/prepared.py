"""Sets prepared by tensorflow-datasets."""

from jaxgen.core import UserError
from jaxgen.data.settings import Settings
from jaxgen.data.source import Source


def open(settings: Settings) -> Source:
    raise UserError(f"Unknown data set {settings.name!r}.")
