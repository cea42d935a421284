"""Distinct 64-bit hashes of four kinds, drawn from a seed and kept in files."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from equigen.images.descriptor import GREY_PX, perceptual_hash

Hashes = npt.NDArray[np.uint64]
SEED = 20_261
_CLUSTERS, _IN_CLUSTER, _FLIPS = 200, 500, 4
_SKEWED_BITS, _SELDOM = 20, 0.05
_WAVES = 12
_AT_A_TIME = 10_000


def uniform(chance: np.random.Generator, count: int) -> Hashes:
    """Return random bits."""
    return chance.integers(0, 2**64, count, dtype=np.uint64)


def clusters(chance: np.random.Generator, count: int) -> Hashes:
    """Return random hashes, and among them clusters within up to 4 bits of their centres."""
    hashes = uniform(chance, count)
    near = np.repeat(uniform(chance, _CLUSTERS), min(_IN_CLUSTER, count // _CLUSTERS))
    for _ in range(_FLIPS):
        near ^= np.uint64(1) << chance.integers(0, 64, near.size, dtype=np.uint64)
    hashes[: near.size] = near
    return hashes


def skewed(chance: np.random.Generator, count: int) -> Hashes:
    """Return hashes of which 20 bits are set one time in twenty, the others every other time."""
    hashes = uniform(chance, count)
    for bit in chance.permutation(64)[:_SKEWED_BITS].tolist():
        is_set = (chance.random(count) < _SELDOM).astype(np.uint64)
        hashes &= ~(np.uint64(1) << np.uint64(bit))
        hashes |= is_set << np.uint64(bit)
    return hashes


def pictures(chance: np.random.Generator, count: int) -> Hashes:
    """Return perceptual hashes of random pictures: waves, the longer the stronger, and grain.

    One picture in ten is another one with other grain.
    """
    cosines = np.cos(np.pi / GREY_PX * np.outer(np.arange(_WAVES), np.arange(GREY_PX) + 0.5))
    lengths = 1 + np.hypot(*np.mgrid[:_WAVES, :_WAVES])
    hashes = np.empty(count, dtype=np.uint64)
    for start in range(0, count, _AT_A_TIME):
        size = min(_AT_A_TIME, count - start)
        waves = chance.normal(size=(size, _WAVES, _WAVES)) / lengths
        waves[: size // 10] = waves[size // 10 : 2 * (size // 10)]
        greys = 128 + 60 * (cosines.T @ waves @ cosines)
        greys += chance.normal(scale=4, size=greys.shape)
        shown = np.clip(greys, 0, 255).astype(np.uint8)
        hashes[start : start + size] = [int(perceptual_hash(grey), 16) for grey in shown]
    return hashes


KINDS: dict[str, Callable[[np.random.Generator, int], Hashes]] = {
    "uniform": uniform,
    "clusters": clusters,
    "skewed": skewed,
    "pictures": pictures,
}


def hash_file(folder: Path, kind: str, count: int) -> Path:
    """Return a file of `count` distinct hashes in no order, made where it is missing."""
    file = folder / f"{kind}-{count}.npy"
    if not file.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        chance = np.random.default_rng(SEED)
        hashes = np.unique(KINDS[kind](chance, count))
        while hashes.size < count:  # some were the same
            more = KINDS[kind](chance, count - hashes.size)
            hashes = np.unique(np.concatenate([hashes, more]))
        chance.shuffle(hashes)
        beside = file.with_suffix(".new.npy")
        np.save(beside, hashes)
        beside.replace(file)
    return file
