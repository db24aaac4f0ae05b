"""What the forward pass keeps for the backward pass, and what is computed again instead (rematerialisation).

Memory falls from that of every intermediate value of a block to that of what a policy keeps; the operations of a step
rise by at most a forward pass. The numbers do not change.
"""

from typing import Any

import flax.linen as nn
import jax

from jaxgen.core import choose

POLICIES: dict[str, Any] = {
    "none": None,  # keep everything
    "full": jax.checkpoint_policies.nothing_saveable,  # keep what enters a block
    "dots": jax.checkpoint_policies.dots_with_no_batch_dims_saveable,  # and products with weights, not attention
    "all_dots": jax.checkpoint_policies.dots_saveable,  # and every product
}
"""Names in a network's `remat`."""


def remat(block: Any, policy: str, *, scanned: bool = False) -> Any:
    """A module class whose calls keep only what `policy` says.

    Args:
      scanned: the class is going to be scanned over, where XLA cannot undo the trade by itself.

    Raises:
      UserError: an unknown policy.
    """
    kept = choose(POLICIES, policy, "rematerialisation policy (remat)")
    return block if policy == "none" else nn.remat(block, policy=kept, prevent_cse=not scanned)
