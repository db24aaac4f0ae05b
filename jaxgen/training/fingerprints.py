"""Fingerprints of arrays: equal for equal contents, whatever the sharding, the number of devices or the order of sums.

With b_i the bits of element i (as uint32) at flat position i, and sums and products modulo 2^32:
    (1)  f = sum_i mix(b_i xor (i * 0x9E3779B1))
mix is the finalizer of MurmurHash3 (Appleby), a bijection: one changed element always changes f. Computed on the host,
shard by shard: a device program would have to be compiled for every shape, which takes longer than the sums.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

BLOCK = 2**15
"""Elements at a time: their intermediate values stay in the processor's cache."""


def fingerprints(tree: Any) -> tuple[list[int], list[bool]]:
    """Eq. (1) for every leaf, and whether all its elements are finite. Every process must call it on the same tree."""
    leaves = [_plain(leaf) for leaf in jax.tree.leaves(tree)]
    owned = [[s for s in leaf.addressable_shards if s.replica_id == 0] for leaf in leaves]
    fetched = jax.device_get([[shard.data for shard in shards] for shards in owned])
    sums: Any = np.zeros(len(leaves), np.uint64)
    finite: Any = np.ones(len(leaves), bool)
    for row, (leaf, shards, parts) in enumerate(zip(leaves, owned, fetched)):
        for shard, part in zip(shards, parts):
            part = np.asarray(part)
            sums[row] += _sum(_bits(part), _places(shard.index, leaf.shape))
            if jnp.issubdtype(part.dtype, jnp.inexact):
                finite[row] &= bool(np.isfinite(part).all())
    # Arrays that every process holds whole (networks it has read for itself) are summed by each for itself.
    alone = np.array([leaf.is_fully_addressable for leaf in leaves], bool)
    if jax.process_count() > 1 and not alone.all():
        from jax.experimental import multihost_utils

        mine, fine = sums, finite
        halves = np.stack([sums & 0xFFFF, (sums >> 16) & 0xFFFF]).astype(np.uint32)
        low, high = np.asarray(multihost_utils.process_allgather(halves)).sum(axis=0, dtype=np.uint64)
        sums = low + (high << 16)
        finite = np.asarray(multihost_utils.process_allgather(finite)).all(axis=0)
        sums, finite = np.where(alone, mine, sums), np.where(alone, fine, finite)
    return [int(x) & 0xFFFFFFFF for x in sums], [bool(x) for x in finite]


def _plain(leaf: Any) -> jax.Array:
    leaf = jnp.asarray(leaf)
    return jax.random.key_data(leaf) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf


def _bits(x: np.ndarray) -> np.ndarray:
    """The elements as flat uint32; the two halves of a 64-bit element are folded into one."""
    width = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}[x.dtype.itemsize]
    flat = np.ascontiguousarray(x).reshape(-1).view(width)
    if width is np.uint64:
        return flat.astype(np.uint32) + (flat >> np.uint64(32)).astype(np.uint32) * np.uint32(0x85EBCA6B)
    return flat.astype(np.uint32, copy=False)


def _places(index: tuple[slice, ...], shape: tuple[int, ...]) -> np.ndarray:
    """The flat positions, in the whole array, of the elements of a shard, modulo 2^32."""
    places = np.zeros((1,) * len(shape), np.uint32)
    stride = 1
    for axis in reversed(range(len(shape))):
        first, last, _ = index[axis].indices(shape[axis])
        along = np.arange(first, last, dtype=np.uint64) * np.uint64(stride)
        places = places + along.astype(np.uint32).reshape([-1 if a == axis else 1 for a in range(len(shape))])
        stride *= shape[axis]
    return places.reshape(-1)


def _sum(bits: np.ndarray, places: np.ndarray) -> np.uint64:
    total = 0
    for begin in range(0, bits.size, BLOCK):
        h = places[begin : begin + BLOCK] * np.uint32(0x9E3779B1)
        h ^= bits[begin : begin + BLOCK]
        h ^= h >> np.uint32(16)
        h *= np.uint32(0x85EBCA6B)
        h ^= h >> np.uint32(13)
        h *= np.uint32(0xC2B2AE35)
        h ^= h >> np.uint32(16)
        total += int(h.sum(dtype=np.uint64))
    return np.uint64(total & 0xFFFFFFFF)
