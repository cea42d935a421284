"""What tests of the dump sources share: small dumps with albums of one's choice, and a fetch."""

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID
from xml.sax.saxutils import escape

from musicbrainz import lines, write_dump
from support import make_context

from equigen.commands import fetch
from equigen.dataset.context import Context
from equigen.summary import Summary

MASTERS = "discogs_20260901_masters.xml.gz"
RELEASES = "discogs_20260901_releases.xml.gz"
GROUPS = "musicbrainz_20260902-001001_release-group.tar.xz"


@dataclass(frozen=True)
class Master:
    """A master of a made-up dump; what is empty isn't written."""

    number: int
    artist: str = ""
    title: str = ""
    year: int = 2010
    genre: str = "Jazz"
    style: str = "Jazz"
    uri: str = ""

    def xml(self) -> str:
        """Return its record."""
        image = f'<images><image type="primary" uri="{self.uri}"/></images>' if self.uri else ""
        artist = escape(self.artist or f"Artist {self.number}")
        return (
            f'<master id="{self.number}"><main_release>7</main_release>{image}<artists><artist>'
            f"<id>{self.number}</id><name>{artist}</name></artist></artists><genres><genre>{self.genre}</genre>"
            f"</genres><styles><style>{self.style}</style></styles><year>{self.year}</year><title>"
            f"{escape(self.title or f'Title {self.number}')}</title></master>"
        )


@dataclass(frozen=True)
class Release:
    """A release of a made-up dump."""

    number: int
    master: int
    is_main: bool = False
    country: str = ""
    format: str = ""
    released: str = ""

    def xml(self) -> str:
        """Return its record."""
        main = "true" if self.is_main else "false"
        formats = f'<formats><format name="{self.format}"/></formats>' if self.format else ""
        return (
            f'<release id="{self.number}"><title>T</title>{formats}'
            f"<country>{self.country}</country><released>{self.released}</released>"
            f'<master_id is_main_release="{main}">'
            f"{self.master}</master_id></release>"
        )


def mbid(number: int) -> str:
    """Return an id for a release group."""
    return str(UUID(int=number))


def group(number: int, master: int = 0, **changes: object) -> dict[str, Any]:
    """Return a release group as the dump has it, linked to a master where one is given."""
    url = {"resource": f"https://www.discogs.com/master/{master}"}
    return {
        "id": mbid(number),
        "title": f"Title {number}",
        "primary-type": "Album",
        "first-release-date": "2010-05-01",
        "artist-credit": [{"name": f"Artist {number}", "joinphrase": ""}],
        "relations": [{"type": "discogs", "ended": False, "url": url}] if master else [],
        "genres": [{"name": "jazz", "count": 3}],
        "tags": [],
        **changes,
    }


def dumps_in(folder: Path) -> Path:
    """Return the folder of the dumps of a dataset."""
    dumps = folder / "dumps"
    dumps.mkdir(parents=True, exist_ok=True)
    return dumps


def write_masters(folder: Path, masters: Sequence[Master], name: str = MASTERS) -> Path:
    """Write a masters dump."""
    return _write(dumps_in(folder) / name, "masters", [each.xml() for each in masters])


def write_releases(folder: Path, releases: Sequence[Release], name: str = RELEASES) -> Path:
    """Write a releases dump."""
    return _write(dumps_in(folder) / name, "releases", [each.xml() for each in releases])


def write_groups(folder: Path, groups: Sequence[object], name: str = GROUPS) -> Path:
    """Write a dump of release groups."""
    return write_dump(dumps_in(folder) / name, lines(groups))


def _write(path: Path, root: str, records: Sequence[str]) -> Path:
    text = "".join([f"<{root}>\n", *(f"{each}\n" for each in records), f"</{root}>\n"])
    path.write_bytes(gzip.compress(text.encode(), mtime=0))
    return path


def dump_context(folder: Path, *, limit: int = 50, **settings: Any) -> Context:  # noqa: ANN401  (tables of settings)
    """Return a context that fetches Jazz from Discogs' dump; settings may say otherwise."""
    chosen = {
        "source": "discogs-dump",
        "genre_limit": limit,
        "world_limit": limit,
        "labels": ["Jazz"],
        "from_year": 2026,
        **settings.pop("fetch", {}),
    }
    return make_context(folder, fetch=chosen, **settings)


def fetch_dumps(folder: Path, **settings: Any) -> Summary:  # noqa: ANN401  (as above)
    """Fetch from the dumps in this process."""
    return fetch.run(dump_context(folder, **settings))
