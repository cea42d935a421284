"""Fit principal components to some albums, keep the fit, and apply it to others."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from equigen.storage.atomic import in_place_of
from equigen.storage.below import open_regular

_CHUNK: Final = 256
# Below this part of the largest variance, a direction is rounding alone.
_LEAST_VARIANCE: Final = 1e-12

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Fit:
    """Principal components: `components` (k x n) of vectors (n) less their `mean`.

    `variance` (k) is what each explains, `share` (k) its part of the whole. `albums` are the ids of
    those that it was fitted to, `about` tells of which files.
    """

    mean: Floats
    components: Floats
    variance: Floats
    share: Floats
    albums: Sequence[str]
    about: str

    @property
    def digest(self) -> str:
        """A text that differs for other components."""
        return hashlib.sha256(self.mean.tobytes() + self.components.tobytes()).hexdigest()[:12]

    def of(self, vector: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """Return the components of a vector, the same bits whichever are computed beside it."""
        centred = vector.astype(np.float64) - self.mean
        found: Floats = np.einsum("j,kj->k", centred, self.components)
        return found.astype(np.float32)

    def save(self, file: Path) -> None:
        """Write the fit: NumPy's .npz, without objects.

        Raises:
            StorageError: the disk refuses.

        """
        with in_place_of(file, keeps_link=False) as beside, beside.open("xb") as out:
            np.savez(
                out,
                mean=self.mean,
                components=self.components,
                variance=self.variance,
                share=self.share,
                albums=np.array(self.albums, str),
                about=np.array(self.about),
            )


def load(file: Path) -> Fit | None:
    """Read a fit; None where there is none that can be read."""
    try:
        with open_regular(file) as opened, np.load(opened, allow_pickle=False) as found:
            fit = Fit(
                found["mean"],
                found["components"],
                found["variance"],
                found["share"],
                [str(each) for each in found["albums"]],
                str(found["about"]),
            )
    except Exception:  # noqa: BLE001  (whatever is wrong, it is made anew)
        return None
    is_whole = fit.mean.ndim == 1 and fit.components.shape == (len(fit.variance), len(fit.mean))
    return fit if is_whole else None


def fit(
    vector_of: Callable[[str], npt.NDArray[np.floating]],
    albums: Sequence[str],
    most: int,
    about: str,
) -> Fit | None:
    """Fit so many components at most to the vectors of albums, by their ids; None to less than two.

    The sign of each is that which makes its largest coefficient positive. Memory is that of the
    covariance, whatever the number of albums.
    """
    if len(albums) < 2:  # noqa: PLR2004
        return None

    def chunks() -> Iterator[Floats]:
        for at in range(0, len(albums), _CHUNK):
            yield np.array([vector_of(each) for each in albums[at : at + _CHUNK]], np.float64)

    mean = sum(each.sum(axis=0) for each in chunks()) / len(albums)
    covariance = np.zeros((len(mean), len(mean)))
    for each in chunks():
        covariance += (each - mean).T @ (each - mean)
    # The singular vectors of all vectors together are the eigenvectors of this, in memory that
    # doesn't grow with their number.
    covariance /= len(albums) - 1
    values, vectors = np.linalg.eigh(covariance)
    variance = values[::-1]
    kept = min(most, len(albums) - 1, int((variance > _LEAST_VARIANCE * variance[0]).sum()))
    components = vectors.T[::-1][:kept]
    largest = components[np.arange(kept), np.abs(components).argmax(axis=1)]
    components = np.ascontiguousarray(components * np.sign(largest)[:, None])
    whole = variance.sum() or 1.0
    return Fit(mean, components, variance[:kept], variance[:kept] / whole, albums, about)
