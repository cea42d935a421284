"""Open a dataset for training: a method for each framework, which loads it when it is called."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

from equigen.dataset.dataset import Dataset
from equigen.errors import UsageError

Labels = Literal["single", "multi"]


class TrainingDataset(Dataset):
    """A dataset on disk, with a loader for each framework: what `equigen.open` gives.

    Loaders give the albums of one set whose covers are there, in a fixed order that mixes classes;
    before the first split all of them are the set "train". Classes are numbered in the order of
    their names, the same in all sets. Covers are decoded upright, on white, in sRGB.
    """

    def torch(
        self,
        set: str = "train",  # noqa: A002  (the field's word)
        *,
        transform: Callable[[Any], Any] | None = None,
        labels: Labels = "single",
        features: Iterable[str] = (),
        size_px: int = 0,
    ) -> Any:  # noqa: ANN401  (a torch.utils.data.Dataset, where torch is installed)
        """Return a set as a map-style dataset of PyTorch: see `equigen.loaders.torch.TorchCovers`.

        An item is `(picture, target)`, with `features` `(picture, target, features)`. With
        `size_px` the picture is a square of so many pixels from the cover's middle. `transform` is
        given it as a PIL picture in RGB; without one it is a uint8 tensor (3 x rows x columns).
        `target` is the number of the class, of labels="multi" a float tensor with a 1 for each
        label. `features` are names such as "colour" or "colour.brightness": numbers, and lists that
        have the same length for all; an item has a float32 tensor of each by its full name, NaN
        where the cover doesn't have it.

        Raises:
            UsageError: no such set or feature, or PyTorch isn't installed.
            MissingInputError, InputError: there is no TSV or no cover, or a file is broken.

        """
        from equigen.loaders.base import samples_of  # noqa: PLC0415  (heavy)

        samples = samples_of(self, set, labels, features, size_px)
        with _needing("torch"):
            from equigen.loaders.torch import TorchCovers  # noqa: PLC0415
        return TorchCovers(samples, transform)

    def huggingface(self) -> Any:  # noqa: ANN401  (a datasets.DatasetDict)
        """Return all sets as a `datasets.DatasetDict`: `image`, and the columns of an export.

        `label` is a ClassLabel. Pictures stay where they are, and are decoded when they are asked
        for.

        Raises:
            UsageError: the package datasets isn't installed.
            MissingInputError, InputError: there is no TSV or no cover, or it is broken.

        """
        from equigen.exports.rows import gather  # noqa: PLC0415

        gathered = gather(self, private_use=True)
        with _needing("datasets"):
            from equigen.loaders.huggingface import dataset_dict  # noqa: PLC0415
        return dataset_dict(gathered)

    def webdataset(
        self,
        set: str = "train",  # noqa: A002
        *,
        size_px: int = 0,
        seed: int | None = None,
    ) -> Any:  # noqa: ANN401  (a pipeline of webdataset)
        """Return a set as a pipeline of WebDataset, without making shards of it first.

        A sample has the members of an exported one: the file's bytes as `jpg`, `cls`, `json`, and
        `txt`. Files of `size_px` are taken where a download made them. With a `seed` each epoch
        has an order of its own; nodes and workers share the albums.

        Raises:
            UsageError: no such set, or the package webdataset isn't installed.
            MissingInputError, InputError: there is no TSV or no cover, or it is broken.

        """
        from equigen.exports.rows import gather  # noqa: PLC0415
        from equigen.loaders.base import made_px, rows_of  # noqa: PLC0415

        rows = rows_of(gather(self, size_px=made_px(self, size_px), private_use=True), set)
        with _needing("webdataset"):
            from equigen.loaders.webdataset import CoverPipeline  # noqa: PLC0415
        return CoverPipeline(rows, seed)

    def tensorflow(
        self,
        set: str = "train",  # noqa: A002
        *,
        labels: Labels = "single",
        size_px: int = 128,
    ) -> Any:  # noqa: ANN401  (a tf.data.Dataset)
        """Return a set as a `tf.data.Dataset` of (uint8 rows x columns x 3, target).

        Raises:
            UsageError: no such set, or TensorFlow isn't installed.
            MissingInputError, InputError: there is no TSV or no cover, or it is broken.

        """
        from equigen.loaders.base import samples_of  # noqa: PLC0415  (heavy)

        samples = samples_of(self, set, labels, (), size_px)
        with _needing("tensorflow"):
            from equigen.loaders.tensorflow import tf_dataset  # noqa: PLC0415
        return tf_dataset(samples)


@contextmanager
def _needing(package: str) -> Iterator[None]:
    """Say how a framework is installed, where it isn't.

    Raises:
        UsageError: it isn't.

    """
    try:
        yield
    except ImportError as err:
        msg = f"{package}: isn't installed here ({err}). Install it: `pip install {package}`."
        raise UsageError(msg) from err
