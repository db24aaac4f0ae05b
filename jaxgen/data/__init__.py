"""Floor 1: data sets as pure functions of the step."""

from jaxgen.data import text
from jaxgen.data.info import Info
from jaxgen.data.loading import BUILTIN, CLIPS, Data, load, wholes
from jaxgen.data.pictures import contact_sheet
from jaxgen.data.prefetch import prefetch
from jaxgen.data.recipes import RECIPES, prepare
from jaxgen.data.source import pixels
from jaxgen.data.video import holds_clips

__all__ = [
    "BUILTIN",
    "CLIPS",
    "RECIPES",
    "Data",
    "Info",
    "contact_sheet",
    "holds_clips",
    "load",
    "pixels",
    "prefetch",
    "prepare",
    "text",
    "wholes",
]
