"""Some thousand distinct JPEGs, drawn the same each time: gradients, shapes, grain."""

import hashlib
import io
import json
import shutil
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, __version__

from bench.errors import BenchError


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is drawn. Sizes of files spread over the whole range."""

    count: int = 5000
    size_px: int = 600
    least_bytes: int = 30_000
    most_bytes: int = 90_000
    seed: int = 1337
    version: int = 1

    def digest(self) -> str:
        """Return a name for exactly these pictures."""
        told = json.dumps({**asdict(self), "pillow": __version__}, sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()[:12]


def file_name(number: int) -> str:
    """Return the name of the picture of a number, from 0."""
    return f"{number:05d}.jpg"


def pictures(folder: Path, recipe: Recipe, *, processes: int = 2) -> Path:
    """Return the folder of the pictures, below `folder`; they are drawn once.

    Raises:
        BenchError: they are not as many, as distinct or as large as they should be.

    """
    finished = folder / f"pictures-{recipe.digest()}"
    if finished.is_dir():
        return finished
    beside = finished.with_suffix(".new")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    with ProcessPoolExecutor(processes) as pool:
        make = partial(_make, beside, recipe)
        digests = list(pool.map(make, range(recipe.count), chunksize=50))
    _check(digests, [file.stat().st_size for file in beside.iterdir()], recipe)
    beside.rename(finished)
    return finished


def draw(number: int, recipe: Recipe) -> bytes:
    """Return one picture as a JPEG whose size is near one drawn by lot."""
    rng = np.random.default_rng([recipe.seed, number])
    margin = (recipe.most_bytes - recipe.least_bytes) // 20
    wanted = rng.integers(recipe.least_bytes + margin, recipe.most_bytes - margin)
    quality = int(rng.integers(78, 95))
    plain = _plain(rng, recipe.size_px)
    grain = rng.integers(-128, 128, plain.shape, dtype=np.int16)
    # The more grain, the larger the file: its strength is looked for between none and all.
    weak, strong, data = 0.0, 1.0, b""
    for _ in range(8):
        strength = (weak + strong) / 2
        data = _encode(plain + (grain * strength).astype(np.int16), quality)
        if abs(len(data) - wanted) < margin:
            break
        weak, strong = (weak, strength) if len(data) > wanted else (strength, strong)
    return data


def _plain(
    rng: np.random.Generator, size_px: int
) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    ramp = np.linspace(0, 1, size_px, dtype=np.float32)
    corner, right, down = rng.integers(0, 200, (3, 3)).astype(np.float32)
    across = ramp[None, :, None] * (right - corner) + ramp[:, None, None] * (down - corner)
    image = Image.fromarray(np.clip(corner + across, 0, 255).astype(np.uint8))
    pen = ImageDraw.Draw(image)
    for x, y, wide, high, red, green, blue in rng.integers(0, 256, (int(rng.integers(3, 9)), 7)):
        left, top = int(x) * size_px // 256, int(y) * size_px // 256
        box = (left, top, left + int(wide) + 20, top + int(high) + 20)
        shape = pen.ellipse if red % 2 else pen.rectangle
        shape(box, fill=(int(red), int(green), int(blue)))
    return np.asarray(image, dtype=np.int16)


def _encode(pixels: np.ndarray[tuple[int, ...], np.dtype[np.int16]], quality: int) -> bytes:
    out = io.BytesIO()
    image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    image.save(out, "JPEG", quality=quality)
    return out.getvalue()


def _make(folder: Path, recipe: Recipe, number: int) -> str:
    data = draw(number, recipe)
    (folder / file_name(number)).write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def _check(digests: Iterable[str], sizes: list[int], recipe: Recipe) -> None:
    distinct, least, most = len(set(digests)), min(sizes), max(sizes)
    if distinct != recipe.count or least < recipe.least_bytes or most > recipe.most_bytes:
        msg = (
            f"expected {recipe.count} distinct pictures of {recipe.least_bytes} to"
            f" {recipe.most_bytes} bytes, drew {distinct} of {least} to {most}"
        )
        raise BenchError(msg)
