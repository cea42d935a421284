"""Texts without what is secret in them."""

import base64
import re
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equigen.rules.censoring import Censor

TOKEN = "QxYz+12/34 & så=="


@pytest.mark.parametrize(
    "form",
    [
        TOKEN,
        quote(TOKEN),
        quote(TOKEN, safe=""),
        quote_plus(TOKEN),
        re.sub("%..", lambda code: code[0].lower(), quote(TOKEN, safe="")),
        "".join(f"%{byte:02X}" for byte in TOKEN.encode()),
    ],
    ids=["plain", "quoted", "quoted whole", "of a form", "small letters", "every letter"],
)
def test_a_secret_is_found_in_any_form(form: str) -> None:
    """As it is, and percent-encoded in whatever way."""
    cleaned = Censor([TOKEN]).clean(f"https://host/path?token={form}&page=1")
    assert cleaned == "https://host/path?token=***&page=1"


@given(st.binary(max_size=7), st.binary(max_size=7), st.sampled_from(["std", "url"]))
def test_a_secret_is_found_inside_base64(before: bytes, after: bytes, alphabet: str) -> None:
    """Wherever it stands in what was encoded, by either alphabet."""
    secret = "Zk7?>~ÿ9-long-enough"
    encode = base64.b64encode if alphabet == "std" else base64.urlsafe_b64encode
    text = encode(before + secret.encode() + after).decode()
    assert "***" in Censor([secret]).clean(f"Basic {text}")


def test_a_login_in_an_address_goes_whoever_it_is() -> None:
    """Also without any secret that is known."""
    text = "GET https://user:pass@host/a and http://me@other/b"
    assert Censor().clean(text) == "GET https://host/a and http://other/b"


def test_other_texts_stay() -> None:
    """An empty secret is none, and what only starts alike is left."""
    censor = Censor(["", "hush-hush"])
    assert censor.clean("hush, hush-hus; a+b/c==") == "hush, hush-hus; a+b/c=="


def test_the_longer_of_two_secrets_goes_first() -> None:
    """Nothing of it is left behind by one that it starts with."""
    assert Censor(["abc", "abcdef"]).clean("abcdef abc") == "*** ***"
