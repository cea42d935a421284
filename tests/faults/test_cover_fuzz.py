"""Covers damaged at random: what is stored decodes fully, to the size that the ledger knows."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from coverpictures import animated, drawn, lying, picture, saved
from coverruns import Ran, decoded, run_covers
from PIL import Image
from support import Script, ScriptedServer, realdata

CASES = 360
KEPT_START, KEPT_END = b"\xff\xd8\xff", b"\xff\xd9"
# So much of a file's start is hit more often than the rest: that is where its structure is.
HEAD_BYTES = 700


def covers() -> Iterator[bytes]:
    """Yield covers of all types, of the wild and made-up ones."""
    wild = (
        "beets/abbey.jpg",
        "named_by_year/2009 - White Denim - Fits.jpeg",
        "webp_named/gnr.webp",
        "songdb/Glimpse_of_Us__Joji.png",
        "misc/calvinharris.webp",
    )
    for name in wild:
        yield realdata("covers", *name.split("/")).read_bytes()
    yield from (lying(), picture("JPEG", "CMYK"), picture("JPEG", "L"))
    yield picture(progressive=True, dpi=(72, 72), comment=b"x", icc_profile=b"x" * 99)
    yield saved(drawn(), "MPO", save_all=True, append_images=[drawn().rotate(90)])
    yield from (picture(kind) for kind in ("PNG", "WEBP"))
    yield from (animated(kind) for kind in ("PNG", "WEBP", "GIF"))
    yield from (picture("GIF", "P"), picture("PNG", "RGBA"))
    yield saved(Image.new("I;16", (40, 30), 999), "PNG")


def damaged(body: bytes, chance: random.Random) -> bytes:
    """Return a body with bytes flipped, cut out, inserted, repeated or zeroed."""
    data = bytearray(body)
    for _ in range(chance.randint(1, 4)):
        most = min(len(data), HEAD_BYTES) if chance.random() < 0.6 else len(data)
        at, count = chance.randrange(max(1, most)), chance.choice([1, 1, 2, 5, 50, 500])
        hurt = chance.choice([_flip, _cut_out, _cut_off, _insert, _repeat, _zero, _mark])
        hurt(data, at, count, chance)
    return bytes(data)


Hurt = Callable[[bytearray, int, int, random.Random], None]


def _flip(data: bytearray, at: int, count: int, chance: random.Random) -> None:
    for place in range(at, min(at + min(count, 3), len(data))):
        data[place] ^= 1 << chance.randrange(8)


def _cut_out(data: bytearray, at: int, count: int, chance: random.Random) -> None:
    del data[at : at + count]


def _cut_off(data: bytearray, at: int, count: int, chance: random.Random) -> None:
    del data[max(at, len(data) - count) :]


def _insert(data: bytearray, at: int, count: int, chance: random.Random) -> None:
    data[at:at] = chance.randbytes(count)


def _repeat(data: bytearray, at: int, count: int, chance: random.Random) -> None:
    data[at:at] = data[at : at + count]


def _zero(data: bytearray, at: int, count: int, chance: random.Random) -> None:
    data[at : at + count] = bytes(len(data[at : at + count]))


def _mark(data: bytearray, at: int, count: int, chance: random.Random) -> None:
    data[at:at] = bytes([0xFF, chance.randrange(0xC0, 0x100)])


@pytest.mark.long
@pytest.mark.parametrize(
    ("way", "seed"),
    [("threads, full", 1), ("processes, full", 2), ("processes, sized", 3), ("threads, sized", 4)],
)
def test_what_is_stored_of_damaged_covers_decodes(tmp_path: Path, way: str, seed: int) -> None:
    """However bytes are damaged: a JPEG of the ledger's size that decodes fully, or a reason."""
    ran = _run(tmp_path, way, seed)
    endings = {cover.status for cover in ran.covers.values()}
    assert {"ok", "broken", "refused"} <= endings <= {"ok", "broken", "refused"}


@pytest.mark.long
@pytest.mark.parametrize("way", ["threads, structure", "processes, structure"])
def test_what_a_look_at_the_frame_takes_has_one(tmp_path: Path, way: str) -> None:
    """Undecoded, a stored JPEG has at least its start and its end; else it decodes."""
    _run(tmp_path, way, 5)


def _run(folder: Path, way: str, seed: int) -> Ran:
    chance, bodies = random.Random(seed), list(covers())
    with ScriptedServer(Script(404)) as server:
        server.by_path = {
            f"/{n}": Script(body=damaged(chance.choice(bodies), chance)) for n in range(CASES)
        }
        ran = run_covers(folder, way, [f"{server.url}{path}" for path in server.by_path])
    assert ran.talk == ""
    assert len(ran.covers) == CASES
    assert CASES / 10 < len(ran.files) < CASES
    for body in ran.files.values():
        assert body.startswith(KEPT_START)
        # One whose header is too odd for a look is decoded all the same.
        assert ran.is_full or body.rstrip(b"\0\r\n").endswith(KEPT_END) or decoded(body).size
    return ran
