"""What the compiler is told about every program of ours, where its own choice is poor."""

import functools

import jax

_YNN = "LIBRARY_FUSION_TYPE_"


@functools.cache
def compiler_options() -> dict[str, str]:
    """For `jax.jit(..., compiler_options=compiler_options())`; starts a backend.

    On CPU XLA hands matrix products, sums and convolutions to the library YNNPACK, whose convolutions are slower than
    XLA's own (by how much: `benchmarks/convolution.py`): it keeps the products and the sums. There XLA also drops every
    `optimization_barrier` before it fuses operations, so that none has an effect: that pass is left out. Empty for
    accelerators, and where this version of XLA does not know the options.
    """
    if jax.default_backend() != "cpu":
        return {}
    found = {
        "xla_cpu_experimental_ynn_fusion_type": f"{_YNN}INDIVIDUAL_DOT,{_YNN}REDUCE",
        "xla_disable_hlo_passes": "cse_barrier_expander",
    }
    try:
        jax.jit(lambda: 0, compiler_options=found).lower().compile()
    except Exception:  # each version of jax refuses in its own way
        return {}
    return found
