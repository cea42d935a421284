"""Secrets in texts of strangers are stars, in whatever form they are quoted."""

import base64
import html
import json
from collections.abc import Callable, Mapping
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equigen.http.addresses import Censor, secrets_of, without_passwords

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
    "percent of a form": quote_plus,
    "percent of every letter": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "percent small": lambda text: quote(text, safe="").lower(),
    "JSON": lambda text: json.dumps({"was": text}),
    "JSON of every letter": lambda text: "".join(f"\\u{ord(each):04x}" for each in text),
    "JSON in JSON": lambda text: "".join(f"\\\\u{ord(each):04X}" for each in text),
    "HTML": html.escape,
    "HTML of every letter": lambda text: "".join(f"&#{ord(each)};" for each in text),
    "HTML in hex": lambda text: "".join(f"&#x{ord(each):04X};" for each in text),
    "HTML without ends": lambda text: "".join(f"&#{ord(each):05}" for each in text),
    "HTML by name": lambda text: text.replace("/", "&sol;").replace("+", "&plus;"),
    "mixed": lambda text: "".join(
        f"&#{ord(each)};" if n % 3 else f"\\u{ord(each):04x}" for n, each in enumerate(text)
    ),
    "hex": lambda text: text.encode().hex(),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 for addresses": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "base64 of more": lambda text: base64.b64encode(f"user:{text}!".encode()).decode(),
    "base64 of a header": lambda text: base64.b64encode(
        f"A: Discogs token={text}".encode()
    ).decode(),
}


def censored(text: str, *headers: str) -> str:
    """Return a text without what is secret in headers."""
    return Censor(secrets_of(headers)).clean(text)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", HEADERS)
def test_a_secret_is_stars_in_each_form(name: str, form: str) -> None:
    """The header as a whole and each value of it, within other text, which stays."""
    shape = FORMS[form]
    secrets = [KEY, SECRET] if name == "key" else [TOKEN]
    for text in (*secrets, HEADERS[name]):
        said = censored(f"you sent >{shape(text)}< to us", HEADERS[name])
        assert said.startswith("you sent >")
        assert said.endswith("< to us")
        assert "***" in said
        for secret in secrets:
            assert secret[:8].lower() not in said.lower()
            assert shape(secret).strip("=")[4:-4].lower() not in said.lower()


def test_a_secret_that_was_cut_off_is_no_start_of_it() -> None:
    """Where only so much of an answer is read, the first letters of a secret go too."""
    text = f"header: Discogs token={TOKEN}"
    for cut in range(1, len(TOKEN) - 3):
        said = censored(text[:-cut], HEADERS["token"])
        assert TOKEN[:4] not in said
    for said in ("You have an invalid token", "Ask Discogs", "token="):
        assert censored(said, HEADERS["token"]) == said


@pytest.mark.parametrize("form", FORMS)
def test_a_secret_that_was_cut_off_within_a_text_goes_as_well(form: str) -> None:
    """What quotes it may have cut it, and gone on."""
    shape = FORMS[form]
    for cut in range(8, len(TOKEN)):
        text = shape(f"Discogs token={TOKEN[:cut]}")
        said = censored(f"{text}\u2026 and so on", HEADERS["token"])
        assert said.endswith("\u2026 and so on")
        if "base64" not in form:  # which shows the last letters together with what follows them
            assert shape(TOKEN[:8]).strip('{}"was: ').lower() not in said.lower()
        assert "***" in said or ("base64" in form and cut < 12)


def test_what_is_secret_in_a_header() -> None:
    """Values of names, or what has none; no scheme, no name, nothing very short."""
    for header, secrets in (
        ("Discogs token=abcd=ef", {"abcd=ef"}),
        ('Discogs key="abcd", secret=efgh', {"abcd", "efgh"}),
        ("Basic YWJjZA==", {"YWJjZA=="}),
        ("hush-hush", {"hush-hush"}),
        ("Bearer abc", set()),
    ):
        assert secrets_of([header]) == secrets


@given(st.text())
def test_what_holds_no_secret_stays(text: str) -> None:
    """Without a secret, or without one in it, a text is what it was, but for logins."""
    assert censored(text) == without_passwords(text)
    if not any(char in text for char in "0123456789"):
        assert censored(text, "Discogs token=0123456789") == without_passwords(text)


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
    """An empty secret is none, and what only starts a little alike is left."""
    censor = Censor(["", "hush-hush"])
    assert censor.clean("hush, hush-hu; a+b/c==") == "hush, hush-hu; a+b/c=="


def test_the_longer_of_two_secrets_goes_first() -> None:
    """Nothing of it is left behind by one that it starts with."""
    assert Censor(["abc", "abcdef"]).clean("abcdef abc") == "*** ***"


@pytest.mark.parametrize("form", FORMS)
def test_a_name_has_stars_for_a_whole_secret_and_no_less(form: str) -> None:
    """An album that ends as a token begins keeps its name."""
    censor = Censor(["sandbox-token", TOKEN])
    assert "***" in censor.hide(f"The {FORMS[form](TOKEN)} Tapes")
    for name in ("Ledger & Ampersand", "Sandbox-T", f"{TOKEN[:8]} Tapes", "http://a:b@c.org/x"):
        assert censor.hide(name) == name


@pytest.mark.parametrize("form", FORMS)
def test_a_cut_leaves_no_part_of_a_secret_in_a_name(form: str) -> None:
    """Names are cut to 1,000 characters, and a secret may stand where the cut is."""
    censor, quoted = Censor([TOKEN]), FORMS[form](TOKEN)
    for shown in range(len(quoted) * 3 // 4, len(quoted)):
        name = f"{'x' * 1_000}{quoted[:shown]}"[-1_000:]
        hidden = censor.hide(name)
        assert hidden.startswith("xxx")
        assert "***" in hidden
