"""Under which licence a row's words come, told from its album's id."""

from collections.abc import Mapping
from types import MappingProxyType

# By the source that an id names before its colon; others ask for nothing that a user must know.
_LICENCES: Mapping[str, str] = MappingProxyType(
    {
        "musicbrainz": (
            "The genres of albums from MusicBrainz are licensed CC BY-NC-SA 3.0 (name MusicBrainz,"
            " no commercial use, share alike); their artists, titles and years are CC0."
        )
    }
)


def licence_of(album_id: str) -> str:
    """Return what must be known of the licence before a row is used; "" for nothing.

    https://musicbrainz.org/doc/About/Data_License
    """
    return _LICENCES.get(album_id.partition(":")[0], "")
