"""Texts without what is secret in them, in whatever form it got there."""

import base64
import re
from collections.abc import Iterable, Iterator

from equigen.rules.addresses import without_passwords

_STARS = "***"
_BASE64_BYTES, _BASE64_LETTERS = 3, 4


class Censor:
    """Takes secrets out of texts: as they are, percent-encoded, in base64; and any URL's login."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        # The longest first, where one starts as another does.
        forms = {form for secret in secrets if secret for form in _forms(secret)}
        ordered = sorted(forms, key=lambda form: (-len(form), form))
        self._pattern = re.compile("|".join(ordered)) if ordered else None

    def clean(self, text: str) -> str:
        """Return the text with stars in place of secrets."""
        if self._pattern:
            text = self._pattern.sub(_STARS, text)
        return without_passwords(text)


def _forms(secret: str) -> Iterator[str]:
    """Yield patterns of all that a secret may look like."""
    yield "".join(map(_letter, secret))
    raw = secret.encode("utf-8", "surrogatepass")
    for before in range(_BASE64_BYTES):
        # Wherever it stands in what was encoded, these letters come of its bytes alone.
        whole = base64.b64encode(bytes(before) + raw)
        first = -(-before * 8 // 6)
        last = (before + len(raw)) * 8 // 6
        letters = whole[first:last].decode()
        if len(letters) >= _BASE64_LETTERS:
            yield re.escape(letters).replace(r"\+", "+").replace("+", "[+-]").replace("/", "[/_]")


def _letter(letter: str) -> str:
    encoded = "".join(f"%{byte:02x}" for byte in letter.encode("utf-8", "surrogatepass"))
    either = f"{re.escape(letter)}|(?i:{encoded})"
    return f"(?:{either}|\\+)" if letter == " " else f"(?:{either})"
