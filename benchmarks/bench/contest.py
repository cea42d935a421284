"""Let the tools do the same work in turns, and look at what they made."""

import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from bench import ours, rival
from bench.cases import Case, Rival, Served, Trusted
from bench.errors import BenchError
from bench.measure import Command, Measurement, measured
from bench.nginx import Site
from bench.pictures import file_name

_WARM_UP = 200
_LOOKED_AT = 50


@dataclass(frozen=True, slots=True)
class Arena:
    """Where contests are held: the site, its pictures, a folder for what comes out, the rival."""

    site: Site
    pictures: int
    work: Path
    rival: Path
    keep: bool = False

    def urls(self, served: Served, count: int) -> Iterator[str]:
        """Yield distinct URLs; each picture has as many as it takes."""
        base = {
            Served.HTTP: self.site.http_url,
            Served.HTTPS: self.site.https_url,
            Served.SLOW: self.site.slow_url,
        }[served]
        if not base:
            msg = "nginx has no lua module. On Debian and Ubuntu: install libnginx-mod-http-lua"
            raise BenchError(msg)
        for number in range(count):
            again, picture = divmod(number, self.pictures)
            yield f"{base}/{file_name(picture)}?n={again}"

    def trusted(self, trusted: Trusted) -> Path | None:
        """Return the file of certificates that a case goes by."""
        return {
            Trusted.NONE: None,
            Trusted.BUNDLE: self.site.bundle,
            Trusted.ONE: self.site.certificate,
        }[trusted]

    @contextmanager
    def fresh(self, name: str) -> Iterator[Path]:
        """Give an empty folder, and take it away again unless it is to be kept."""
        folder = self.work / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            if not self.keep:
                shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Result:
    """What a case took: measurements by contestant, ours first, the n-th of each from one round."""

    case: Case
    downloads: int
    runs: dict[str, list[Measurement]] = field(default_factory=dict)


def hold(case: Case, arena: Arena, *, runs: int, downloads: int) -> Result:
    """Run a case: all contestants in turns, as often as `runs` says, after a try of each.

    Raises:
        BenchError: a tool fails, or doesn't make as many good pictures as it was asked for.

    """
    result = Result(case, downloads)
    for number in range(-1, runs):
        count = downloads if number >= 0 else min(_WARM_UP, downloads)
        for one in (None, *case.rivals):
            took = compete(case, one, arena, count)
            if number >= 0:
                result.runs.setdefault(one.mode if one else ours.LABEL, []).append(took)
    return result


def compete(case: Case, rival_mode: Rival | None, arena: Arena, downloads: int) -> Measurement:
    """Let one contestant (`None`: ours) do the work once, in a fresh folder."""
    with arena.fresh(case.name) as folder:
        urls = arena.urls(case.served, downloads)
        trusted = arena.trusted(case.trusted)
        if rival_mode is None:
            ours.write_tsv(folder / ours.TSV_NAME, urls)
            command: Command = ours.download(
                folder, case.ours, concurrency=case.concurrency, trusted=trusted
            )
        else:
            (folder / rival.URLS_NAME).write_text("".join(f"{url}\n" for url in urls))
            command = rival.download(
                arena.rival,
                folder,
                rival_mode.flags,
                rival_mode.pace,
                downloads=downloads,
                trusted=trusted,
            )
        took = measured(command)
        look_at(folder, downloads, case.size_px)
    return took


def look_at(folder: Path, expected: int, size_px: int) -> None:
    """Count the pictures below a folder, and decode some of them.

    Raises:
        BenchError: there are more or fewer, or one is torn or of another size.

    """
    files = sorted(folder.rglob("*.jpg"))
    if len(files) != expected:
        msg = f"{folder}: expected {expected} pictures, found {len(files)}"
        raise BenchError(msg)
    for file in random.Random(0).sample(files, min(_LOOKED_AT, len(files))):
        with Image.open(file) as image:
            image.load()
            if image.size != (size_px, size_px):
                msg = f"{file}: expected {size_px}x{size_px} pixels, found {image.size}"
                raise BenchError(msg)
