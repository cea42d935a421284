"""What goes wrong between a host and the one who asks it, drawn from a seed: how often, and what.

In transit it goes wrong for a while: who asks again gets the right answer. By nature it goes wrong
each time, for whoever asks.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

# So often, at most, an answer goes wrong in transit until it comes well.
MOST_TROUBLES = 2

_Kind = TypeVar("_Kind")


class Trouble(StrEnum):
    """What can go wrong with an answer on its way."""

    TOO_MANY = "429"
    TOO_MANY_WAIT = "429 with Retry-After in seconds"
    TOO_MANY_DATE = "429 with Retry-After as a date"
    SERVER_ERROR = "500"
    ERROR_AS_PICTURE = "500 labelled image/jpeg"
    BAD_GATEWAY = "502 with HTML"
    UNAVAILABLE = "503 with Retry-After"
    EMPTY = "200 with nothing"
    PAGE = "200 with HTML"
    CUT = "cut off before the announced length"
    TORN = "half of it, announced as all"
    TOO_LITTLE_ANNOUNCED = "more bytes than announced"
    CHUNKS_CUT = "chunks without the last one"
    BAD_GZIP = "packed as gzip, and isn't"
    RESET = "reset"
    HANG_UP = "hung up without a word"
    SILENCE = "silence"
    SLOW = "a body that comes slowly"
    REDIRECT = "redirect to another host"
    REPEATED_ROWS = "rows of the page before, and one twice"
    SHORT_PAGE = "a page without its last rows"
    NO_RESULTS = "a page without results"
    LATER_PAGE_GONE = "404 for a page after the first"
    ODD_ROWS = "rows that are none, and a title of 10 MB"
    OTHER_COUNTS = "items that changed meanwhile"


_ANYWHERE = (
    Trouble.TOO_MANY,
    Trouble.TOO_MANY_WAIT,
    Trouble.TOO_MANY_DATE,
    Trouble.SERVER_ERROR,
    Trouble.BAD_GATEWAY,
    Trouble.UNAVAILABLE,
    Trouble.EMPTY,
    Trouble.PAGE,
    Trouble.CUT,
    Trouble.TORN,
    Trouble.TOO_LITTLE_ANNOUNCED,
    Trouble.CHUNKS_CUT,
    Trouble.BAD_GZIP,
    Trouble.RESET,
    Trouble.HANG_UP,
    Trouble.SILENCE,
    Trouble.SLOW,
)
OF_PICTURES = (*_ANYWHERE, Trouble.ERROR_AS_PICTURE, Trouble.REDIRECT)
OF_OBJECTS = _ANYWHERE
OF_PAGES = (
    *_ANYWHERE,
    Trouble.REPEATED_ROWS,
    Trouble.SHORT_PAGE,
    Trouble.NO_RESULTS,
    Trouble.LATER_PAGE_GONE,
    Trouble.ODD_ROWS,
    Trouble.OTHER_COUNTS,
)


class Nature(StrEnum):
    """What a picture is by nature; all but the first seven are no covers."""

    GIF = "GIF"
    PNG = "PNG"
    WEBP = "WebP"
    CMYK = "CMYK JPEG"
    DEEP = "PNG of 16 bits"
    ANIMATED = "animated GIF"
    ROTATED = "JPEG that lies on its side"
    GONE = "404"
    NOTHING = "nothing, each time"
    HALF = "half a JPEG, each time"
    TINY = "1x1"
    SPACER = "spacer.gif"
    PAGE = "HTML, each time"
    BOMB = "a header of 20,000x20,000"
    ENDLESS = "a body without end"
    VAST = "a body of 2 GB"
    LOOP = "a loop of redirects"
    TO_FILE = "redirect to file:"
    SELF_SIGNED = "https, self-signed"
    NOWHERE = "a host without address"

    @property
    def is_cover(self) -> bool:
        """Whether it is a good cover, if no JPEG as it should be."""
        return self in _COVERS


_COVERS = frozenset(
    {
        Nature.GIF,
        Nature.PNG,
        Nature.WEBP,
        Nature.CMYK,
        Nature.DEEP,
        Nature.ANIMATED,
        Nature.ROTATED,
    }
)


@dataclass(frozen=True, slots=True)
class Chances:
    """How often something goes wrong; each share is from 0 to 1.

    `transit` is of all answers, `expired` of addresses that are refused until they are renewed,
    `nature` of pictures. `left_out` are troubles that aren't drawn.
    """

    seed: int = 1337
    transit: float = 0.05
    expired: float = 0.02
    nature: float = 0.05
    left_out: frozenset[str] = field(default_factory=frozenset)

    def nature_of(self, picture: str) -> Nature | None:
        """Return what a picture is by nature, None where it is a JPEG as it should be."""
        return self._one_of(tuple(Nature), self.nature, f"nature/{picture}")

    def is_expired(self, picture: str) -> bool:
        """Tell whether a picture's first address is refused."""
        return _lot(f"{self.seed}/expired/{picture}") < self.expired

    def refusal_of(self, picture: str) -> int:
        """Return with which status the expired address of a picture is refused."""
        return (403, 404, 410)[int(_lot(f"{self.seed}/refusal/{picture}") * 3)]

    def trouble(self, kinds: Sequence[Trouble], key: str, ask: int) -> Trouble | None:
        """Return what goes wrong when `key` is asked for the `ask`-th time, None for nothing."""
        drawn = tuple(kind for kind in kinds if kind not in self.left_out)
        return self._one_of(drawn, self.transit, f"{key}/{ask}")

    def _one_of(self, kinds: Sequence[_Kind], share: float, key: str) -> _Kind | None:
        lot = _lot(f"{self.seed}/{key}")
        return kinds[int(lot / share * len(kinds))] if lot < share else None


def _lot(key: str) -> float:
    """Return a number from 0 to below 1, always the same for a key."""
    digest = hashlib.blake2b(key.encode(), digest_size=6).digest()
    return int.from_bytes(digest) / 2**48
