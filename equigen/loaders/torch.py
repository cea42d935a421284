"""Load covers into PyTorch: a map-style dataset, class weights, and a sampler that knows groups."""

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import torch
from PIL import Image
from torch.utils.data import Dataset, Sampler

from equigen.errors import UsageError
from equigen.loaders.base import Samples

# Seeds of NumPy have 32 bits each here: one of the sampler, one of the epoch.
_SEED_BITS: Final = 32


class TorchCovers(Dataset[Any]):
    """The covers of a set, with their classes and features; `TrainingDataset.torch` makes it.

    It holds arrays alone, no open files, so that workers that are forked share it and those that
    are spawned get a copy.
    """

    def __init__(self, samples: Samples, transform: Callable[[Any], Any] | None = None) -> None:
        """Give the pictures of samples to `transform` (PIL, RGB), or as uint8 tensors."""
        self.samples = samples
        self.transform = transform

    @property
    def classes(self) -> list[str]:
        """The names of the classes, sorted: those of all sets."""
        return list(self.samples.classes)

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The number of each class, by its name, as torchvision's datasets call it."""
        return {name: at for at, name in enumerate(self.samples.classes)}

    @property
    def targets(self) -> torch.Tensor:
        """The targets of all items: int64 (items), of several labels float32 (items x classes)."""
        if self.samples.is_multi:
            return torch.from_numpy(self.samples.has.astype(np.float32))
        return torch.from_numpy(self.samples.label)

    @property
    def class_weights(self) -> torch.Tensor:
        """Weights of classes for a loss (float32), which make up for their sizes in this set.

        Of one label: the mean size divided by the class's, as `CrossEntropyLoss(weight=...)` takes
        it. Of several: albums without the label for each one with it, as
        `BCEWithLogitsLoss(pos_weight=...)` does. A class without albums has 0, or 1.
        """
        if self.samples.is_multi:
            having = self.samples.has.sum(axis=0)
            weights = np.where(having, (len(self) - having) / np.maximum(having, 1), 1)
        else:
            counts = np.bincount(self.samples.label, minlength=len(self.samples.classes))
            there = np.count_nonzero(counts)
            weights = np.where(counts, len(self) / (there * np.maximum(counts, 1)), 0)
        return torch.from_numpy(weights.astype(np.float32))

    def sampler(self, *, seed: int = 0, num_samples: int = 0) -> "GroupSampler":
        """Return a sampler that draws classes evenly, and in each class its groups evenly.

        So an artist with fifty covers is shown as often as one with a single cover of the class.
        An epoch has `num_samples` items, by default as many as the set has, drawn with
        replacement. Call `set_epoch` before each epoch for another order.
        """
        return GroupSampler(self.samples, seed=seed, num_samples=num_samples or len(self))

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, at: int) -> tuple[Any, ...]:
        """Return the picture, the target, and the features if any were asked for.

        Raises:
            IndexError: there is no such item.
            StorageError, InputError: the cover can't be read.

        """
        if not -len(self) <= at < len(self):
            msg = f"item {at}: expected 0 to {len(self) - 1}."
            raise IndexError(msg)
        at %= len(self)
        pixels = self.samples.picture(at)
        picture = (
            self.transform(Image.fromarray(pixels))
            if self.transform
            else torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))
        )
        target = self.samples.target(at)
        if self.samples.is_multi:
            target = torch.from_numpy(target)
        if not self.samples.features:
            return picture, target
        found = {
            name: torch.as_tensor(values[at]) for name, values in self.samples.features.items()
        }
        return picture, target, found


class GroupSampler(Sampler[int]):
    """Draw items so that classes count evenly, and groups evenly in each class.

    An epoch's order depends on the seed and the epoch's number alone.
    """

    def __init__(self, samples: Samples, *, seed: int, num_samples: int) -> None:
        """Draw `num_samples` items an epoch.

        Raises:
            UsageError: the seed or the number is negative.

        """
        if seed < 0 or num_samples < 0:
            msg = f"sampler: expected numbers of 0 or more, got seed={seed}, {num_samples} samples."
            raise UsageError(msg)
        self._seed, self._epoch, self._num_samples = seed % 2**_SEED_BITS, 0, num_samples
        albums, classes = np.nonzero(samples.has)
        # In order of class, then group: items of a group in a class lie side by side.
        order = np.lexsort((samples.group[albums], classes))
        self._items, classes, groups = albums[order], classes[order], samples.group[albums][order]
        is_first = np.ones(len(order), bool)
        is_first[1:] = (classes[1:] != classes[:-1]) | (groups[1:] != groups[:-1])
        # Where each group starts among the items, and each class among the groups; and the ends.
        starts = np.flatnonzero(is_first)
        self._groups = np.append(starts, len(order))
        of_group = classes[starts]
        first = np.flatnonzero(np.append(True, of_group[1:] != of_group[:-1]))
        self._classes = np.append(first, len(starts))

    def set_epoch(self, epoch: int) -> None:
        """Give the next epoch a number, and with it an order."""
        self._epoch = epoch

    def __len__(self) -> int:
        return self._num_samples

    def __iter__(self) -> Iterator[int]:
        """Draw the items of an epoch."""
        random = np.random.default_rng([self._seed, self._epoch])
        chosen = random.integers(len(self._classes) - 1, size=self._num_samples)
        for bounds in (self._classes, self._groups):
            chosen = random.integers(bounds[chosen], bounds[chosen + 1])
        return iter(self._items[chosen].tolist())
