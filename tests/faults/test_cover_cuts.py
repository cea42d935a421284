"""Covers that were cut off: at every hundredth, within the head, and just before their end."""

import io
from collections.abc import Iterator, Mapping

import pytest
from coverpictures import picture
from coverruns import WAYS, run_covers
from PIL import Image
from support import Script, ScriptedServer, realdata

PROGRESSIVE = ("beets", "abbey.jpg")
BASELINE = ("named_by_year", "2009 - White Denim - Fits.jpeg")
# Within the mark of the start, the first segment, the tables; and the end marker, whole and half.
IN_THE_HEAD = (1, 2, 3, 5, 11, 21, 100, 200)
AT_THE_END = (-1, -2, -3)
START = b"\xff\xd8\xff"


def whole() -> Iterator[bytes]:
    """Yield covers of the wild and made-up ones, baseline and progressive."""
    for names in (BASELINE, PROGRESSIVE):
        body = realdata("covers", *names).read_bytes()
        with Image.open(io.BytesIO(body)) as image:
            assert bool(image.info.get("progressive")) == (names is PROGRESSIVE)
        yield body
    yield picture(quality=95)
    yield picture(quality=95, progressive=True)


def cut(body: bytes, step: int) -> Iterator[bytes]:
    """Yield the starts of a picture."""
    hundredths = [len(body) * share // 100 for share in range(1, 100, step)]
    for at in [*IN_THE_HEAD, *hundredths, *AT_THE_END]:
        yield body[:at]


def answers(bodies: list[bytes]) -> Mapping[str, Script]:
    """Return each cut with a fitting length, and every tenth also short of its length."""
    fitting = {f"/fits/{n}": Script(body=body) for n, body in enumerate(bodies)}
    short = {
        f"/short/{n}": Script(body=body, announce=len(body) + 1)
        for n, body in enumerate(bodies)
        if n % 10 == 0
    }
    return fitting | short


@pytest.mark.long_after(1)
@pytest.mark.parametrize("way", WAYS)
def test_no_cut_is_taken(tmp_path_factory: pytest.TempPathFactory, way: str) -> None:
    """Wherever a cover was cut off, no file is left of it, and the whole ones arrive."""
    pictures = list(whole())
    cuts = [start for body in pictures for start in cut(body, 1 if way.endswith("full") else 4)]
    with ScriptedServer(Script(404)) as server:
        server.by_path = {
            **answers(cuts),
            **{f"/whole/{n}": Script(body=body) for n, body in enumerate(pictures)},
        }
        urls = [f"{server.url}{path}" for path in server.by_path]
        ran = run_covers(tmp_path_factory.mktemp("cut"), way, urls)
    assert len(ran.files) == len(pictures)
    for url, cover in ran.covers.items():
        kind, n = url.split("/")[-2:]
        if kind == "whole":
            assert cover.status == "ok"
            assert ran.is_sized or ran.file(url) == pictures[int(n)]
        elif kind == "short":
            assert (cover.status, cover.reason) == ("failed", "no connection")
        elif cuts[int(n)].startswith(START):
            assert (cover.status, cover.reason) in {("broken", "broken"), HEAD_LACKS}, cuts[int(n)]
        else:
            assert (cover.status, cover.reason) == HEAD_LACKS


HEAD_LACKS = ("refused", "not a picture")
