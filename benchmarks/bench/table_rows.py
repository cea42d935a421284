"""Write a TSV of albums as Discogs gives them, from a seed: names, signed addresses, duplicates."""

import base64
import random
from collections.abc import Iterator
from pathlib import Path

from equigen.schema import COLUMNS

_SEED = 20_261
_NAMES = (
    "Björk", "Sigur Rós", "Prince", "The Clash", "Мумий Тролль", "坂本龍一", "Motörhead", "Can",
    "Neu!", "Los Ángeles Azules", "Hüsker Dü", "Nina Simone", "Kraftwerk", "Fela Kuti",
    "John Coltrane", "Antônio Carlos Jobim", "椎名林檎", "Céline Dion", "Молчат Дома", "Beatles",
)  # fmt: skip
_WORDS = (
    "Love", "Night", "Live", "Songs", "Blue", "Été", "Чёрный", "Day", "Moon", "Best", "Of", "The",
    "World", "Über", "Street", "Rain", "Fire", "Soul", "夜", "Heart", "Machine", "Sessions", "Río",
    "Dreams", "Gold", "Silver", "City", "Road", "Home",
)  # fmt: skip
_GENRES = (
    "Rock", "Electronic", "Pop", "Folk, World, & Country", "Jazz", "Funk / Soul", "Hip Hop",
    "Classical", "Latin", "Reggae", "Blues", "Stage & Screen", "Non-Music", "Children's",
    "Brass & Military",
)  # fmt: skip
_STYLES = (
    "House", "Techno", "Punk", "Ambient", "Bossanova", "Dub", "Hard Rock", "Synth-pop", "Ballad",
    "Experimental", "Soul-Jazz", "Vocal", "Deep House", "Folk Rock",
)  # fmt: skip
_COUNTRIES = ("US", "UK", "Germany", "France", "Japan", "Italy", "Brazil", "Sweden", "USSR", "")
_FORMATS = (
    "Vinyl|LP|Album", "CD|Album", "Cassette", 'Vinyl|12"|33 ⅓ RPM', "CD|Compilation",
    "Vinyl|LP|Album|Reissue|Stereo",
)  # fmt: skip
_OLD_PATH = "fit-in/600x600/filters:strip_icc():format(jpeg):mode_rgb():quality(90)/discogs-images"
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_ROWS_AN_ARTIST = 6
_PIECE_CHARS = 16


def write_rows(path: Path, count: int) -> None:
    """Write so many rows; quotes stand where a cell has some, as EquiGen writes them."""
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write("\t".join(COLUMNS) + "\n")
        file.writelines("\t".join(map(_quoted, row)) + "\n" for row in _rows(count))


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if '"' in cell else cell


def _rows(count: int) -> Iterator[tuple[str, ...]]:
    """Yield rows: an artist in six has Discogs' marks, four rows in a hundred repeat another."""
    chance = random.Random(_SEED)
    artists = [_artist(chance, count) for _ in range(max(10, count // _ROWS_AN_ARTIST))]
    before: list[tuple[str, str, str]] = []
    for number in range(1, count + 1):
        if before and chance.random() < 0.04:  # noqa: PLR2004  (a share, said above)
            artist, title, url = chance.choice(before)
            title = f"Other {title}" if chance.random() < 0.5 else title  # noqa: PLR2004
        else:
            artist, url = chance.choice(artists), _url(chance)
            title = f"{' '.join(chance.choices(_WORDS, k=3))} {chance.randrange(3000)}"
            if chance.random() < 0.02:  # noqa: PLR2004
                before.append((artist, title, url))
        genre = chance.choice(_GENRES)
        yield (
            artist, title, str(number), genre, str(chance.randrange(1955, 2025)), url,
            f"discogs:m{number}", genre, "|".join(chance.sample(_STYLES, chance.randrange(1, 4))),
            chance.choice(_COUNTRIES), chance.choice(_FORMATS),
            f"discogs:a{len(artist)}{number % 9973}",
        )  # fmt: skip


def _artist(chance: random.Random, count: int) -> str:
    name = f"{chance.choice(_NAMES)} {chance.choice(_WORDS)} {chance.randrange(count)}"
    (name,) = chance.choices(
        (name, f"{name} ({chance.randrange(2, 40)})", f"{name}*", f'"{name}" Y'), (825, 120, 50, 5)
    )
    return name


def _url(chance: random.Random) -> str:
    file = (
        f"R-{chance.randrange(1, 30_000_000)}-{chance.randrange(1_100_000_000, 1_700_000_000)}"
        f"-{chance.randrange(1000, 9999)}.jpeg"
    )
    code = base64.urlsafe_b64encode(f"s3://discogs-database-images/{file}".encode()).decode()
    code = code.rstrip("=")
    pieces = "/".join(code[at : at + _PIECE_CHARS] for at in range(0, len(code), _PIECE_CHARS))
    size = f"h:{chance.choice((600, 598, 594))}/w:{chance.choice((600, 596))}"
    signature = "".join(chance.choices(_LETTERS, k=43))
    (url,) = chance.choices(
        (
            f"https://i.discogs.com/{signature}/rs:fit/g:sm/q:90/{size}/{pieces}.jpeg",
            f"https://img.discogs.com/{signature[:27]}=/{_OLD_PATH}/{file}.jpg",
            f"https://i.scdn.co/image/ab67616d0000b273{chance.getrandbits(96):024x}",
            "https://st.discogs.com/8ae8b1a5/images/spacer.gif",
        ),
        (93, 3, 3, 1),
    )
    return url
