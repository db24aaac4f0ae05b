"""Floor 0: the contract. State is data, a method is a named tuple of pure functions, and one function descends."""

from jaxgen.core import replicas, trees
from jaxgen.core.descend import REMAT, Aux, descend, remat
from jaxgen.core.method import Batch, Method, Metrics, Spec, Task, Tiles
from jaxgen.core.minimize import Averages, Lazy, Loss, Turn, alternate, minimize, move, start
from jaxgen.core.replicas import each, split_each
from jaxgen.core.state import RAW, State, Weights, weights
from jaxgen.errors import UserError, choose, settle, suggest

__all__ = [
    "RAW",
    "REMAT",
    "Aux",
    "Averages",
    "Batch",
    "Lazy",
    "Loss",
    "Method",
    "Metrics",
    "Spec",
    "State",
    "Task",
    "Tiles",
    "Turn",
    "UserError",
    "Weights",
    "alternate",
    "choose",
    "descend",
    "each",
    "minimize",
    "move",
    "remat",
    "replicas",
    "settle",
    "split_each",
    "start",
    "suggest",
    "trees",
    "weights",
]
