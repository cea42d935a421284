"""Texts without what is secret in them: a host may quote what it was sent, in whatever form."""

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Final

from equigen.http.addresses import without_passwords

STARS: Final = "***"
# So much of a secret's start is taken for the secret, wherever what quotes it was cut off; at the
# end of a text, where it is likely to have been cut, the least.
_START_CHARS: Final = 8
_LEAST_CHARS: Final = 4
_LEAST_BASE64: Final = 6
# Base64 looks different at each of three places where a text can begin in another one.
_PLACES: Final = 3
# As forms on the web write a space, and JSON a slash at times.
_ALSO: Final = {" ": "+", "/": "\\/"}
_BETWEEN = re.compile(r"[,\s]+")
_NAMED = re.compile(r'[\w-]+="?([^"=].*?)"?')


class Censor:
    """Takes secrets out of texts, also those that were cut off, and the login out of any address.

    They are found as they are, with any of their letters percent-encoded, escaped as in JSON or in
    HTML, and in hex and base64, whatever the case of the letters.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        # The longest first, where one starts as another does.
        ordered = sorted(filter(None, set(secrets)), key=lambda secret: (-len(secret), secret))
        self._forms = [_Form(letters) for secret in ordered for letters in _forms(secret)]
        # Nearly all texts hold none.
        self._any = _pattern("|".join(form.begin for form in self._forms) or r"(?!)")

    def clean(self, text: str) -> str:
        """Return the text with stars in place of secrets, and addresses without logins."""
        if self._any.search(text):
            for form in self._forms:
                text = form.hidden(text)
        return without_passwords(text)

    def hide(self, text: str) -> str:
        """Return a name or an address with stars where a whole secret stands.

        A part of one is left, since a name may have the same letters.
        """
        if self._any.search(text):
            for form in self._forms:
                text = form.whole.sub(STARS, text)
        return text


def secrets_of(headers: Iterable[str]) -> set[str]:
    """Return what is secret in values of headers.

    That is, behind the scheme, the values of names, or words without ("Scheme key=VALUE,
    secret=VALUE", "Scheme VALUE"). What is very short is no secret, and found in any text.
    """
    found = set()
    for header in headers:
        scheme, _, given = header.partition(" ")
        for part in _BETWEEN.split(given or scheme):
            named = _NAMED.fullmatch(part)
            found.add(named[1] if named else part)
    return {each for each in found if len(each) >= _LEAST_CHARS}


class _Form:
    """A secret as it may be written: each of its letters is a pattern."""

    def __init__(self, letters: Sequence[str]) -> None:
        first, self._rest = letters[:_START_CHARS], letters[_START_CHARS:]
        self.begin = "".join(letters[:_LEAST_CHARS])
        self._start = _pattern("".join(first))
        self.whole = _pattern("".join(letters))
        lengths = range(len(first) - 1, _LEAST_CHARS - 1, -1)
        starts = ["".join(first[:length]) for length in lengths]
        self._cut_off = _pattern(rf"(?:{'|'.join(starts)})\Z") if starts else None

    def hidden(self, text: str) -> str:
        """Return a text without it, and without a start of it."""
        parts, at = list[str](), 0
        while found := self._start.search(text, at):
            parts += [text[at : found.start()], STARS]
            at = found.end()
            for letter in self._rest:
                more = _pattern(letter).match(text, at)
                if not more:
                    break
                at = more.end()
        text = "".join([*parts, text[at:]])
        return self._cut_off.sub(STARS, text) if self._cut_off else text


@cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


def _forms(secret: str) -> Iterator[list[str]]:
    yield [_letter(letter) for letter in secret]
    raw = secret.encode("utf-8", "surrogatepass")
    yield [f"{byte:02x}" for byte in raw]
    for before in range(_PLACES):
        # Wherever it stands in what was encoded, these letters come of its bytes alone.
        whole = base64.b64encode(bytes(before) + raw).decode()
        letters = whole[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6]
        if len(letters) >= _LEAST_BASE64:
            yield [{"+": "[+-]", "/": "[/_]"}.get(letter, letter) for letter in letters]


def _letter(letter: str) -> str:
    raw = letter.encode("utf-8", "surrogatepass")
    ways = {letter, html.escape(letter), json.dumps(letter)[1:-1], _ALSO.get(letter, letter)}
    ways.add("".join(f"%{byte:02x}" for byte in raw))
    # What is longer comes first: it may begin with the letter itself.
    return f"(?:{'|'.join(map(re.escape, sorted(ways, key=lambda way: (-len(way), way))))})"
