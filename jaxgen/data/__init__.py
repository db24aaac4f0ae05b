"""Floor 1: data sets as pure functions of the step."""

from jaxgen.data import text
from jaxgen.data.info import Info
from jaxgen.data.loading import BUILTIN, Data, load
from jaxgen.data.pictures import contact_sheet
from jaxgen.data.prefetch import prefetch
from jaxgen.data.recipes import RECIPES, prepare

__all__ = ["BUILTIN", "RECIPES", "Data", "Info", "contact_sheet", "load", "prefetch", "prepare", "text"]
