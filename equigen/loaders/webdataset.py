"""Load covers into WebDataset: a pipeline over the files, with the members of exported samples."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import repeat
from typing import TYPE_CHECKING

import numpy as np
import webdataset

from equigen.exports.rows import FILE, KEY, read_cover, visible
from equigen.exports.webdataset import samples_of
from equigen.loaders.base import Texts

if TYPE_CHECKING:
    import polars as pl


class CoverPipeline(webdataset.DataPipeline, webdataset.FluidInterface):
    """The covers of a set as samples; go on with `.decode("pil").to_tuple("jpg", "cls")`.

    The texts of all samples are made at once: workers that are forked can't use polars.
    """

    def __init__(self, rows: "pl.DataFrame", seed: int | None = None) -> None:
        """Give the samples of rows in their order, or with a seed in one of each epoch's own."""
        members = [
            {name: body.decode() for name, body in each.items()}
            for each in samples_of(visible(rows), repeat(b""))
        ]
        self._texts = {name: Texts(each[name] for each in members) for name in members[0]}
        self._files, self._keys = Texts(rows[FILE]), Texts(rows[KEY])
        self._seed, self._epoch = seed, 0
        super().__init__(
            self._numbers,
            webdataset.split_by_node,
            self._shuffled,
            webdataset.split_by_worker,
            self._samples,
        )

    def _numbers(self) -> Iterator[int]:
        yield from range(len(self._files))

    def _shuffled(self, numbers: Iterable[int]) -> Iterator[int]:
        if self._seed is None:
            yield from numbers
            return
        # All workers of a node need the same order. PyTorch gives them one seed an epoch, and each
        # adds its own number to it; where it isn't there, there are no workers.
        epoch = self._epoch
        with suppress(ImportError):
            from torch.utils.data import get_worker_info  # noqa: PLC0415

            if worker := get_worker_info():
                epoch = worker.seed - worker.id
        self._epoch += 1
        order = np.random.default_rng([self._seed, epoch]).permutation(np.fromiter(numbers, int))
        yield from order.tolist()

    def _samples(self, numbers: Iterable[int]) -> Iterator[dict[str, str | bytes]]:
        for at in numbers:
            members: dict[str, str | bytes] = {"__key__": self._keys[at]}
            for name, texts in self._texts.items():
                members[name] = texts[at].encode()
            yield {**members, "jpg": read_cover(self._files[at])}
