"""What tests of crawls need: a context that asks the made-up Spotify, and what it was asked."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from support import NOON, make_context

from equigen.dataset.context import Context
from equigen.http.rate_limit import Clock
from equigen.sandbox.handlers import Hit
from equigen.sandbox.spotify import API, SpotifySandbox

# Few genres with many artists, so that a test is quick.
GENRES = ("delta blues", "chicago blues", "soul-jazz", "techno", "unheard-of")


def context_of(
    folder: Path,
    sandbox: SpotifySandbox,
    *,
    genres: Sequence[str] = GENRES,
    limit: int = 1000,
    now: datetime = NOON,
    **settings: Any,  # noqa: ANN401  (tables of settings)
) -> Context:
    """Return a context that crawls some genres of the made-up Spotify at full speed."""
    folder.mkdir(parents=True, exist_ok=True)
    names = folder.parent / f"{folder.name}_genres.txt"
    names.write_text("\n".join(genres), encoding="utf-8")
    return make_context(
        folder,
        now=now,
        clock=Clock(unix=now.timestamp),
        fetch={
            "source": "spotify",
            "genre_limit": limit,
            "from_year": 2026,
            **settings.pop("fetch", {}),
        },
        spotify={
            "accept_terms": True,
            "base_url": sandbox.api_url,
            "accounts_url": sandbox.accounts_url,
            "genres_file": str(names),
            "requests_per_minute": 0,
            **settings.pop("spotify", {}),
        },
        **settings,
    )


def asked(hits: Sequence[Hit]) -> Counter[str]:
    """Count how often each page was asked for and given."""
    return Counter(
        f"{hit.path} {sorted(hit.query.items())}"
        for hit in hits
        if hit.path.startswith(API) and hit.status == 200
    )


def crawl_env(sandbox: SpotifySandbox, context: Context) -> dict[str, str]:
    """Return the settings with which the program crawls as in a context, in any folder."""
    return {
        "SPOTIPY_CLIENT_ID": sandbox.client_id,
        "SPOTIPY_CLIENT_SECRET": sandbox.client_secret,
        "EQUIGEN_FETCH__SOURCE": "spotify",
        "EQUIGEN_FETCH__GENRE_LIMIT": str(context.settings.fetch.genre_limit),
        "EQUIGEN_FETCH__FROM_YEAR": "2026",
        "EQUIGEN_SPOTIFY__ACCEPT_TERMS": "true",
        "EQUIGEN_SPOTIFY__BASE_URL": sandbox.api_url,
        "EQUIGEN_SPOTIFY__ACCOUNTS_URL": sandbox.accounts_url,
        "EQUIGEN_SPOTIFY__GENRES_FILE": context.settings.spotify.genres_file,
        "EQUIGEN_SPOTIFY__REQUESTS_PER_MINUTE": "0",
    }
