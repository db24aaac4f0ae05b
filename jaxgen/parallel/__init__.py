"""Mesh, sharding rules, the two execution strategies of one pure step, and tasks in chunks."""

from jaxgen.parallel.compiling import compiler_options
from jaxgen.parallel.mesh import divided, make_mesh, split_cpu
from jaxgen.parallel.rules import shardings
from jaxgen.parallel.strategies import Strategy, jit_strategy, place, pmap_strategy
from jaxgen.parallel.tasks import run_task, task_program
from jaxgen.parallel.tiles import cut, join

__all__ = [
    "Strategy",
    "compiler_options",
    "cut",
    "divided",
    "jit_strategy",
    "join",
    "make_mesh",
    "place",
    "pmap_strategy",
    "run_task",
    "shardings",
    "split_cpu",
    "task_program",
]
