"""What a program computes, read off its jaxpr, so that a loop counts as often as it turns.

XLA's own cost analysis counts the body of a loop once, and samplers are loops. Counted here:

(1)  a product of matrices, sum over k of a[i, k] b[k, j]:   2 operations for every (i, j, k)
(2)  a convolution:   2 operations for every output, kernel position and input channel of its group; where the image is
     dilated (transposed convolutions), only positions that meet a pixel
(3)  an evaluation of a network:   one call of a network's module, by the share of the batch it sees, so that
     classifier-free guidance, which doubles the batch, counts two

Everything else (norms, activations, noise, solvers of linear systems) counts nothing: (1) and (2) are lower bounds.
"""

import contextlib
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import flax.linen as nn
import jax
from jax.extend.core import ClosedJaxpr, Jaxpr, Primitive
from jax.interpreters import ad, batching


class Cost(NamedTuple):
    """What one call of a program computes."""

    flops: float = 0.0
    """Eqs. (1) and (2)."""
    examples: float = 0.0
    """Examples that networks saw, summed over calls; divided by the batch, eq. (3)."""
    exact: bool = True
    """False if a loop turns as often as its data say; it is counted as turning once."""


_evaluation = Primitive("network_evaluation")
"""The identity, bound on the input of every network while a program is counted."""
_evaluation.def_impl(lambda x: x)
_evaluation.def_abstract_eval(lambda x: x)
ad.deflinear2(_evaluation, lambda cotangent, _: [cotangent])
batching.primitive_batchers[_evaluation] = lambda args, dims: (_evaluation.bind(*args), dims[0])

PARTIAL = ("init_cache", "row")
"""Methods of the role `Causal` that only prepare a `step`."""


@contextlib.contextmanager
def _marked() -> Iterator[None]:
    """Within, every call of a network's module from outside of a module binds `_evaluation` on its first array."""
    inside = False

    def intercept(call, args, kwargs, context):
        nonlocal inside
        if inside:
            return call(*args, **kwargs)
        place = next((i for i, x in enumerate(args) if getattr(x, "ndim", 0)), None)
        if place is not None and context.method_name not in PARTIAL:
            args = (*args[:place], _evaluation.bind(args[place]), *args[place + 1 :])
        inside = True
        try:
            return call(*args, **kwargs)
        finally:
            inside = False

    with nn.intercept_methods(intercept):
        yield


def count(fn: Callable, *args: Any) -> Cost:
    """The cost of `fn(*args)`; `args` are arrays or shapes. Nothing is compiled or run."""
    with _marked():
        program = jax.make_jaxpr(fn)(*args)
    return _walk(program.jaxpr)


def _walk(jaxpr: Jaxpr) -> Cost:
    total = Cost()
    for eqn in jaxpr.eqns:
        total = _plus(total, _equation(eqn))
    return total


def _equation(eqn: Any) -> Cost:
    name, inner = eqn.primitive.name, [_walk(part) for part in _parts(eqn.params)]
    if name in OPERATIONS:
        return Cost(OPERATIONS[name](eqn))
    if name == _evaluation.name:
        return Cost(examples=float(eqn.invars[0].aval.shape[0]))
    if name == "cond":  # one of its branches runs: the dearest
        return max(inner, key=lambda cost: (cost.flops, cost.examples))
    cost = Cost()
    for part in inner:
        cost = _plus(cost, part)
    if name == "scan":
        return Cost(cost.flops * eqn.params["length"], cost.examples * eqn.params["length"], cost.exact)
    return cost._replace(exact=False) if name == "while" and (cost.flops or cost.examples) else cost


def _plus(a: Cost, b: Cost) -> Cost:
    return Cost(a.flops + b.flops, a.examples + b.examples, a.exact and b.exact)


def _parts(params: dict[str, Any]) -> Iterator[Jaxpr]:
    """The programs within an equation: bodies of loops, branches, called functions."""
    for value in params.values():
        for item in value if isinstance(value, list | tuple) else [value]:
            if isinstance(item, ClosedJaxpr):
                yield item.jaxpr
            elif isinstance(item, Jaxpr):
                yield item


def _product(eqn: Any) -> float:
    """Eq. (1)."""
    (left, _), _ = eqn.params["dimension_numbers"]
    summed = math.prod(eqn.invars[0].aval.shape[axis] for axis in left)
    return 2.0 * eqn.outvars[0].aval.size * summed


def _convolution(eqn: Any) -> float:
    """Eq. (2)."""
    kernel = eqn.invars[1].aval.shape
    outputs = kernel[eqn.params["dimension_numbers"].rhs_spec[0]]
    spread = math.prod(eqn.params["lhs_dilation"] or (1,))
    return 2.0 * eqn.outvars[0].aval.size * math.prod(kernel) / outputs / spread


OPERATIONS: dict[str, Callable[[Any], float]] = {
    "dot_general": _product,
    "conv_general_dilated": _convolution,
}
