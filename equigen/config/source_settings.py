"""Define the settings of the sources of albums and covers, and the credentials."""

from pathlib import Path
from typing import Annotated, Literal, TypeVar, get_args
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from equigen.version import __version__

_Name = TypeVar("_Name", str, Path)
DISCOGS_API_URL = "https://api.discogs.com"
MUSICBRAINZ_API_URL = "https://musicbrainz.org/ws/2"
MOST_PER_MINUTE = 1_000_000
# The User-Agent where the user set none.
OWN_USER_AGENT = f"EquiGen/{__version__}"


# Linux takes no longer path, and others shorter ones: https://man7.org/linux/man-pages/man2/open.2.html
_MOST_PATH_CHARS = 4096


def _without_slash(url: str) -> str:
    urlsplit(url)  # raises a ValueError that says what is wrong with it
    return url.rstrip("/")


URL_PATTERN = r"^https?://[^\s/?#]+[^\s?#]*$"
DAY_PATTERN = r"^(\d{8})?$"
MARKET_PATTERN = r"^([A-Z]{2})?$"

BaseUrl = Annotated[str, StringConstraints(pattern=URL_PATTERN), AfterValidator(_without_slash)]
UserAgent = Annotated[str, StringConstraints(strip_whitespace=True)]


class SettingsTable(BaseModel):
    """One `[table]` of config.toml."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_values(cls, value: object, info: ValidationInfo) -> object:
        # pydantic would take `true` for 1, also within a list.
        kinds = _kinds(cls.model_fields[info.field_name or ""].annotation)
        values = value if isinstance(value, (list, tuple)) else [value]
        for each in values:
            if isinstance(each, bool) and kinds & {int, float}:
                expected = "a whole number" if int in kinds else "a number"
                msg = f"expected {expected}, got {str(each).lower()}"
                raise ValueError(msg)
        return value


def _whole_from_text(value: object) -> object:
    # Flags and variables are texts, but a Literal accepts only the number itself.
    return int(value) if isinstance(value, str) and value.isdecimal() else value


def _kinds(annotation: object) -> set[object]:
    """Return the plain types that an annotation is made of."""
    inner = get_args(annotation)
    return set[object]().union(*map(_kinds, inner)) if inner else {annotation}


class DiscogsSettings(SettingsTable):
    """`[discogs]`: access to the Discogs API."""

    base_url: BaseUrl = Field(DISCOGS_API_URL, description="where the API is")
    user_agent: UserAgent = Field(
        "", description="who you are: must be set for the real service, e.g. MyCovers/1.0 +URL"
    )
    requests_per_minute: int = Field(
        60,
        ge=0,
        le=MOST_PER_MINUTE,
        description="0: no limit of our own, only the server's headers",
    )
    entity: Literal["all", "master", "release"] = Field(
        "all", description="all, master or release; master gives one row an album"
    )


class MusicBrainzSettings(SettingsTable):
    """`[musicbrainz]`: the choice between MusicBrainz's dump and its API."""

    live: bool = Field(
        default=False,
        description="ask MusicBrainz's API, a request a second, instead of reading its dump",
    )
    base_url: BaseUrl = Field(MUSICBRAINZ_API_URL, description="where the API is")
    user_agent: UserAgent = Field(
        "", description="who you are: must be set for the API, e.g. MyCovers/1.0 ( me@example.org )"
    )


def name_of_file(name: str) -> str:
    """Refuse a name that no file can have."""
    if "\0" in name:
        msg = f"expected a name without NUL characters, got {name!r}"
        raise ValueError(msg)
    if len(name) > _MOST_PATH_CHARS:
        msg = f"expected a path of at most {_MOST_PATH_CHARS:,} characters, got {len(name):,}"
        raise ValueError(msg)
    return name


def _with_known_home(path: _Name) -> _Name:
    name_of_file(str(path))
    try:
        Path(path).expanduser()
    except RuntimeError:
        msg = f"expected a path, got {str(path)!r}, and nobody knows a home of that name"
        raise ValueError(msg) from None
    return path


# A path in which "~" and "~name" stand for a home folder.
Folder = Annotated[Path, AfterValidator(_with_known_home)]


# A file to read, "" for none: `Config.file_of` tells where a relative path starts.
InputFile = Annotated[str, AfterValidator(_with_known_home)]


class DumpsSettings(SettingsTable):
    """`[dumps]`: the open dumps: their folder, their dates, and their hosts."""

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


class CoverArtSettings(SettingsTable):
    """`[coverart]`: the covers of the Cover Art Archive, for albums that come from dumps."""

    base_url: BaseUrl = Field("https://coverartarchive.org", description="where the archive is")
    cover_px: Literal[250, 500, 1200] = Field(
        500, description="250, 500 or 1200: longer side of the archive's covers; it has no others"
    )

    @field_validator("cover_px", mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        return _whole_from_text(value)


class SpotifySettings(SettingsTable):
    """`[spotify]`: what is asked of Spotify's Web API, and that its terms are accepted."""

    accept_terms: bool = Field(
        default=False,
        description="true: you may use Spotify's content like this, which its terms forbid to most",
    )
    base_url: BaseUrl = Field("https://api.spotify.com/v1", description="where the API is")
    accounts_url: BaseUrl = Field(
        "https://accounts.spotify.com/api/token", description="where the API's tokens are had"
    )
    genres_file: InputFile = Field(
        "", description="genre names to crawl, one a line (default: a short list of EquiGen's own)"
    )
    artists_per_genre: int = Field(
        50, ge=10, le=1000, multiple_of=10, description="artists of a genre, in tens"
    )
    album_type: Literal["album", "single", "compilation"] = Field(
        "album", description="album, single or compilation: which of an artist's releases"
    )
    market: Annotated[str, StringConstraints(pattern=MARKET_PATTERN)] = Field(
        "", description="two letters of a country, such as GB: what can be played there alone"
    )
    cover_px: Literal[640, 300, 64] = Field(
        640, description="640, 300 or 64: longer side of the covers; it has no others"
    )
    requests_per_minute: int = Field(
        60,
        ge=0,
        le=MOST_PER_MINUTE,
        description="evenly spaced; 0: no limit of our own, only the rests that are asked for",
    )

    @field_validator("cover_px", mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        return _whole_from_text(value)


class MumuSettings(SettingsTable):
    """`[mumu]`: the files of MuMu, and the host of its covers."""

    albums: InputFile = Field(
        "", description="MuMu_dataset_single-label.csv or _multi-label.csv, also gzipped"
    )
    metadata: InputFile = Field(
        "", description="amazon_metadata_MuMu.json: artists, titles and Amazon's covers"
    )
    covers: Literal["amazon", "archive", "both"] = Field(
        "both",
        description="amazon, archive (Cover Art Archive), or both: the archive's where Amazon's is"
        " missing or gone",
    )


class MsdISettings(SettingsTable):
    """`[msd_i]`: the files of MSD-I."""

    file: InputFile = Field("", description="MSD-I_dataset.tsv, also gzipped")
    names: InputFile = Field(
        "", description="the Million Song Dataset's unique_tracks.txt: the artists' names"
    )
    features: list[InputFile] = Field(
        default_factory=list,
        description="MSD-I's deep features: NumPy's .npy, one row an album",
        examples=[["features.npy"]],
    )


class AcousticBrainzSettings(SettingsTable):
    """`[acousticbrainz]`: the files of AcousticBrainz."""

    files: list[InputFile] = Field(
        default_factory=list,
        description="low-level dumps, tables of the Genre task, or folders of them or of documents",
        examples=[["acousticbrainz"]],
    )
    msd_ids: InputFile = Field(
        "",
        description="msd-mbid-2016-01-results-ab.csv, or MuMu's: ids in the Million Song Dataset",
    )


class Credentials(BaseSettings):
    """Credentials for services, from the environment or `.env` alone; they print as stars."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    discogs_token: SecretStr = SecretStr("")
    discogs_key: SecretStr = SecretStr("")
    discogs_secret: SecretStr = SecretStr("")
    spotipy_client_id: SecretStr = SecretStr("")
    spotipy_client_secret: SecretStr = SecretStr("")

    @field_validator("*")
    @classmethod
    def _fits_a_header(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value().strip()
        if not (text.isascii() and text.isprintable()):
            msg = "expected plain ASCII letters, digits and signs on one line"
            raise ValueError(msg)
        return SecretStr(text)

    def secrets(self) -> tuple[str, ...]:
        """Return all secret texts, to be hidden in logs and messages."""
        values = (getattr(self, name) for name in type(self).model_fields)
        return tuple(text for value in values if (text := value.get_secret_value()))

    def discogs_authorization(self) -> str:
        """Return the `Authorization` header for Discogs; "" where no credentials are set.

        https://www.discogs.com/developers/#page:authentication
        """
        token = self.discogs_token.get_secret_value()
        key, secret = self.discogs_key.get_secret_value(), self.discogs_secret.get_secret_value()
        if token:
            return f"Discogs token={token}"
        return f"Discogs key={key}, secret={secret}" if key and secret else ""
