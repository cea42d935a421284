"""The settings of where albums and covers come from."""

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
)

from equigen.version import __version__

DISCOGS_API_URL = "https://api.discogs.com"
MUSICBRAINZ_API_URL = "https://musicbrainz.org/ws/2"


def _without_slash(url: str) -> str:
    urlsplit(url)  # raises a ValueError that says what is wrong with it
    return url.rstrip("/")


URL_PATTERN = r"^https?://[^\s/?#]+[^\s?#]*$"
DAY_PATTERN = r"^(\d{8})?$"

BaseUrl = Annotated[
    str,
    StringConstraints(pattern=URL_PATTERN),
    AfterValidator(_without_slash),
]
UserAgent = Annotated[str, StringConstraints(strip_whitespace=True)]


class Table(BaseModel):
    """One `[table]` of config.toml."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_values(cls, value: object, info: ValidationInfo) -> object:
        # pydantic would take `true` for 1.
        field = cls.model_fields[info.field_name or ""]
        if isinstance(value, bool) and field.annotation is not bool:
            expected = "a whole number" if field.annotation is int else "a number or text"
            msg = f"expected {expected}, got {str(value).lower()}"
            raise ValueError(msg)
        return value


class DiscogsSettings(Table):
    """`[discogs]`: how the Discogs API is asked."""

    base_url: BaseUrl = Field(DISCOGS_API_URL, description="where the API is")
    user_agent: UserAgent = Field(
        "", description="who you are: must be set for the real service, e.g. MyCovers/1.0 +URL"
    )
    requests_per_minute: int = Field(
        60, ge=0, description="0: no limit of our own, only the server's headers"
    )
    entity: Literal["all", "master", "release"] = Field(
        "all", description="all, master or release; master gives one row an album"
    )

    @property
    def user_agent_sent(self) -> str:
        """Who hosts are told that we are: the user's name for it, else our own."""
        return self.user_agent or f"EquiGen/{__version__}"


class MusicBrainzSettings(Table):
    """`[musicbrainz]`: whether MusicBrainz's albums come from its dump or its API."""

    live: bool = Field(
        default=False,
        description="ask MusicBrainz's API, a request a second, instead of reading its dump",
    )
    base_url: BaseUrl = Field(MUSICBRAINZ_API_URL, description="where the API is")
    user_agent: UserAgent = Field(
        "", description="who you are: must be set for the API, e.g. MyCovers/1.0 ( me@example.org )"
    )

    @property
    def user_agent_sent(self) -> str:
        """Who the service is told that we are: the user's name for it, else our own."""
        return self.user_agent or f"EquiGen/{__version__}"


def _with_known_home(folder: Path) -> Path:
    try:
        folder.expanduser()
    except RuntimeError:
        msg = f"expected a folder, got {str(folder)!r}, and nobody knows a home of that name"
        raise ValueError(msg) from None
    return folder


# Where "~" and "~name" stand for a home.
Folder = Annotated[Path, AfterValidator(_with_known_home)]


class DumpsSettings(Table):
    """`[dumps]`: the open dumps: where they lie, which are read, where they come from."""

    directory: Folder = Field(
        Path("dumps"), description="where dumps lie; a relative path starts at dataset.directory"
    )
    date: Annotated[str, StringConstraints(pattern=DAY_PATTERN)] = Field(
        "", description="YYYYMMDD: the dump of that day (default: the newest)"
    )
    releases: bool = Field(
        default=False, description="read Discogs' releases dump too: fills in country and formats"
    )
    discogs_url: BaseUrl = Field(
        "https://data.discogs.com", description="where Discogs' dumps are listed"
    )
    musicbrainz_url: BaseUrl = Field(
        "https://data.metabrainz.org/pub/musicbrainz/data/json-dumps",
        description="where MusicBrainz's JSON dumps are",
    )


class CoverArtSettings(Table):
    """`[coverart]`: the covers of the Cover Art Archive, for albums that come from dumps."""

    base_url: BaseUrl = Field("https://coverartarchive.org", description="where the archive is")
    cover_px: Literal[250, 500, 1200] = Field(
        500, description="250, 500 or 1200: longer side of the archive's covers; it has no others"
    )

    @field_validator("cover_px", mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        # A flag or a variable is text, and a Literal takes only the number itself.
        return int(value) if isinstance(value, str) and value.isdecimal() else value
