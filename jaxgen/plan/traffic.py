"""What a program keeps and moves, from its jaxpr: a model of a compiler that fuses what it can.

Values made elementwise from others are written to memory only if a product, a loop or the like reads them, or several
things do; else they live in what they are made of. Under that rule

(1)  peak:   the largest sum of bytes of written values that are still to be read, in program order; a loop adds its
             body's peak once
(2)  moved:  bytes written plus bytes read by whatever writes, a loop's body as often as it turns

Inputs of the program count as moved where they are read, not as kept; results take the place of donated inputs.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

CUT = Callable[[Any], int]
"""Shape and dtype of a value -> into how many parts the mesh cuts it."""

_FUSED = """
abs add add_any and broadcast_in_dim ceil clamp convert_element_type copy cos div eq erf exp exp2
expand_dims expm1 floor ge gt integer_pow iota is_finite le log log1p logistic lt max min mul ne neg
not or pow real reduce_precision rem reshape round rsqrt select_n shift_left shift_right_logical
sign sin slice sqrt square squeeze stop_gradient sub tanh transpose xor random_wrap random_unwrap
"""
FUSED = frozenset(_FUSED.split())
"""Primitives that a compiler makes part of what reads them."""
REDUCTIONS = frozenset(["reduce_sum", "reduce_max", "reduce_min", "reduce_and", "reduce_or", "argmax", "argmin"])
"""They write, and what they read may be made on the way."""
_CALLS = "pjit jit closed_call core_call custom_jvp_call custom_vjp_call remat checkpoint remat2"
CALLS = frozenset(_CALLS.split())
"""Functions within a function, taken as if they stood there."""


class Use(NamedTuple):
    """Eqs. (1) and (2), in bytes."""

    peak: float
    moved: float


class Step(NamedTuple):
    """An equation of a program without calls; values are numbers."""

    name: str
    params: Mapping[str, Any]
    reads: tuple[int, ...]
    makes: tuple[int, ...]


class Program(NamedTuple):
    steps: list[Step]
    avals: list[Any]
    given: set[int]
    outs: tuple[int, ...]


def use(fn: Callable, *args: Any, cut: Mapping[tuple[int, ...], int] | None = None) -> Use:
    """What `fn(*args)` keeps and moves; `args` are arrays or shapes. Nothing is compiled or run.

    Args:
      cut: shape -> parts, for values that a mesh cuts as it cuts the weights of that shape.
    """
    table = dict(cut or {})
    return _walk(jax.make_jaxpr(fn)(*args).jaxpr, lambda aval: table.get(tuple(aval.shape), 1), donated=True)


def _inner(params: Mapping[str, Any]) -> list[Jaxpr]:
    found = []
    for value in params.values():
        for item in value if isinstance(value, list | tuple) else [value]:
            if isinstance(item, ClosedJaxpr):
                found.append(item.jaxpr)
            elif isinstance(item, Jaxpr):
                found.append(item)
    return found


def flat(jaxpr: Jaxpr) -> Program:
    """The program with calls taken apart; bodies of loops and branches stay."""
    steps: list[Step] = []
    avals: list[Any] = []

    def new(var: Any) -> int:
        avals.append(var.aval)
        return len(avals) - 1

    def go(part: Jaxpr, env: dict[Any, int]) -> None:
        for eqn in part.eqns:
            inner = _inner(eqn.params)
            reads = [None if isinstance(var, Literal) else env[var] for var in eqn.invars]
            if eqn.primitive.name in CALLS and inner:
                within = {var: new(var) for var in inner[0].constvars}
                given = zip(inner[0].invars, reads[len(reads) - len(inner[0].invars) :])
                within |= {var: new(var) if at is None else at for var, at in given}
                go(inner[0], within)
                outs = [None if isinstance(var, Literal) else within[var] for var in inner[0].outvars]
                env.update({var: new(var) if at is None else at for var, at in zip(eqn.outvars, outs)})
            else:
                env.update({var: new(var) for var in eqn.outvars})
                made = tuple(env[var] for var in eqn.outvars)
                steps.append(Step(eqn.primitive.name, eqn.params, tuple(x for x in reads if x is not None), made))

    env = {var: new(var) for var in (*jaxpr.invars, *jaxpr.constvars)}
    given = set(env.values())
    go(jaxpr, env)
    made = {value for step in steps for value in step.makes}
    given |= set(range(len(avals))) - made
    return Program(steps, avals, given, tuple(env[var] for var in jaxpr.outvars if not isinstance(var, Literal)))


def _written(program: Program) -> set[int]:
    """Values that are in memory: inputs, and what the rule above says."""
    readers = Counter(value for step in program.steps for value in set(step.reads))
    heavy = set(program.outs)
    for step in program.steps:
        if step.name not in FUSED | REDUCTIONS:
            heavy.update(step.reads)
    found = set(program.given)
    for step in program.steps:
        for value in step.makes:
            if step.name not in FUSED or value in heavy or readers[value] > 1:
                found.add(value)
    return found


def _walk(jaxpr: Jaxpr, cut: CUT, donated: bool = False) -> Use:
    program = flat(jaxpr)
    written = _written(program)
    roots: dict[int, frozenset[int]] = {value: frozenset([value]) for value in program.given}
    read: list[frozenset[int]] = []
    last: dict[int, int] = {}
    for index, step in enumerate(program.steps):
        read.append(frozenset().union(*(roots[value] for value in step.reads)))
        last.update(dict.fromkeys(read[-1], index))
        for value in step.makes:
            roots[value] = frozenset([value]) if value in written else read[-1]
    for value in program.outs:
        last.update(dict.fromkeys(roots[value], len(program.steps)))
    return _replay(program, written, read, last, cut, frozenset(program.outs) if donated else frozenset())


def _replay(
    program: Program, written: set[int], read: list, last: dict[int, int], cut: CUT, free: frozenset[int]
) -> Use:
    """Program order: values appear when made and go when last read. Those that are `free` take no room of their own."""
    sizes = [_size(aval, cut) for aval in program.avals]
    room = [0.0 if value in free else size for value, size in enumerate(sizes)]
    going: dict[int, list[int]] = {}
    for value, index in last.items():
        going.setdefault(index, []).append(value)
    live = peak = moved = 0.0
    for index, step in enumerate(program.steps):
        made = [value for value in step.makes if value in written]
        fresh = sum(sizes[value] for value in made)
        inside = [_walk(part, cut) for part in _inner(step.params)]
        taken = sum(room[value] for value in made)
        peak = max(peak, live + taken + max((part.peak for part in inside), default=0.0))
        if inside:
            moved += (step.params["length"] if step.name == "scan" else 1) * sum(part.moved for part in inside)
        elif made:
            moved += fresh + sum(sizes[value] for value in read[index])
        live += sum(room[value] for value in made if value in last)
        live -= sum(room[value] for value in going.get(index, ()) if value not in program.given)
    return Use(peak, moved)


def _size(aval: Any, cut: CUT) -> float:
    dtype = getattr(aval, "dtype", None)
    if dtype is None:
        return 0.0
    width = 8 if jax.dtypes.issubdtype(dtype, jax.dtypes.prng_key) else dtype.itemsize
    return math.prod(aval.shape) * width / cut(aval)
