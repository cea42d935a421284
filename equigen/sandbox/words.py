"""The two lines of text on a cover."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """Artist and title, already cut down to what can be lettered; either may be empty."""

    artist: str
    title: str
