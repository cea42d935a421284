"""Secrets in texts of strangers are stars, in whatever form they are quoted."""

import base64
import html
import json
from collections.abc import Callable, Mapping
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equigen.rules.secrets import without_secrets

TOKEN = 'aB3/+xyz&"<\\=9=hunter2'
KEY, SECRET = "my-own-consumer-key", "my:own%secret"
HEADERS = {
    "token": f"Discogs token={TOKEN}",
    "key": f"Discogs key={KEY}, secret={SECRET}",
    "bearer": f"Bearer {TOKEN}",
}
FORMS: Mapping[str, Callable[[str], str]] = {
    "plain": str,
    "large": str.upper,
    "percent": quote,
    "percent all": lambda text: quote(text, safe=""),
    "percent small": lambda text: quote(text, safe="").lower(),
    "JSON": lambda text: json.dumps({"was": text}),
    "HTML": html.escape,
    "hex": lambda text: text.encode().hex(),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 for addresses": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "base64 of more": lambda text: base64.b64encode(f"user:{text}!".encode()).decode(),
    "base64 of a header": lambda text: base64.b64encode(
        f"A: Discogs token={text}".encode()
    ).decode(),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", HEADERS)
def test_a_secret_is_stars_in_each_form(name: str, form: str) -> None:
    """The header as a whole and each value of it, within other text, which stays."""
    shape = FORMS[form]
    secrets = [KEY, SECRET] if name == "key" else [TOKEN]
    for text in (*secrets, HEADERS[name]):
        said = without_secrets(f"you sent >{shape(text)}< to us", [HEADERS[name]])
        assert said.startswith("you sent >")
        assert said.endswith("< to us")
        assert "***" in said
        for secret in secrets:
            assert secret.lower() not in said.lower()
            assert shape(secret).strip("=")[4:-4].lower() not in said.lower()


def test_a_secret_that_was_cut_off_is_no_start_of_it() -> None:
    """Where only so much of an answer is read, the first letters of a secret go too."""
    text = f"header: Discogs token={TOKEN}"
    for cut in range(1, len(TOKEN) - 3):
        said = without_secrets(text[:-cut], [HEADERS["token"]])
        assert TOKEN[:4] not in said
    for said in ("You have an invalid token", "Ask Discogs", "token="):
        assert without_secrets(said, [HEADERS["token"]]) == said


@given(st.text())
def test_what_holds_no_secret_stays(text: str) -> None:
    """Without headers, or without a secret in it, a text is what it was."""
    assert without_secrets(text, []) == text
    if not any(char in text for char in "0123456789"):
        assert without_secrets(text, ["Discogs token=0123456789"]) == text
