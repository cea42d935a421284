"""What a name looks like when the marks of a service's bookkeeping are taken off it."""

import re
import unicodedata

_DISAMBIGUATION = re.compile(r"\(\d+\)")
_WHITE_SPACE = re.compile(r"\s+")


def clean_artist(name: str) -> str:
    """Return the artist's name without Discogs' marks; cleaning a clean name changes nothing.

    Asterisks (a name variation: "Björk*") and numbers in parentheses (a namesake: "Prince (2)")
    go, white space is folded and trimmed, Unicode is NFC. A name made of nothing else, such as
    "***" or the band "(1349)", stays as it was.
    """
    normal = unicodedata.normalize("NFC", name)
    bare = normal
    while True:  # taking a mark out can leave another: "((2)2)", "(*2)"
        shorter = _DISAMBIGUATION.sub("", bare.replace("*", ""))
        if shorter == bare:
            break
        bare = shorter
    folded = unicodedata.normalize("NFC", _WHITE_SPACE.sub(" ", bare).strip())
    return folded or name
