"""One soak: a dataset built undisturbed, the same one built through troubles, and both compared."""

import csv
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random

from bench.blows import Blows
from bench.errors import BenchError
from bench.host_process import HostProcess
from bench.lives import End, Life, Lives, Program, highest
from bench.own_disk import OwnDisk
from bench.processes import Memory
from bench.sameness import (
    IMAGES_NAME,
    TSV_NAME,
    Dataset,
    contradictions,
    differences,
    ledger_complaint,
    read_dataset,
    rows_of,
)
from bench.troubles import Chances
from equigen.identity.pictures import picture_key

STAGES = ("fetch", "clean", "dedupe", "download", "split")
LINK = ("--link", "hardlink")
WHOLE = ("run", "--quiet", *LINK)
# So many rows come of each album that a label of the catalogue has: labels share their artists.
_ROWS_AN_ALBUM = 21.5
_FULL_SHARE = 0.12
_ALBUMS_A_YEAR = 25
_DONE = frozenset({0, 3})
_MOST_AGAIN = 5
# Of all lives that could be one of a single stage, so many are of the whole way.
_WHOLE_SHARE = 0.1
_GROWS = 1.6
_LONGEST_S = 3600
_CHECK_LEDGER_EVERY = 10
_REORDER_AFTER = 0.3
_ENDS_LOOKED_AT = 50
_JPEG_END = b"\xff\xd9"
# Memory that is flat: a last third that has at most so much more than the first one, where that
# takes long enough to tell.
_FLAT, _FLAT_MIB, _TELLS_AFTER_S = 1.15, 8.0, 30.0
_KEY = "discogs:"
_CONFIG = """\
[dataset]
directory = "data"

[discogs]
requests_per_minute = 0

[fetch]
genre_limit = {most}
world_limit = {most}
from_year = 2026
to_year = {oldest}

[download]
max_bytes = 1000000
hosts = {{ "*" = {{ concurrency = 128 }} }}

[http]
tries = 4
connect_timeout_s = 3
read_timeout_s = 2
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a soak does: so many albums, chances of troubles, seconds between kills.

    In `blow_share` of all lives something befalls the dataset from outside. Where it `may_mount`,
    the disturbed dataset has a disk of its own, which can be full.
    """

    albums: int
    chances: Chances
    least_span_s: float = 2.0
    most_span_s: float = 6.0
    blow_share: float = 0.1
    may_mount: bool = False


@dataclass(slots=True)
class Figures:
    """All that a soak found; `findings` is empty where all is as it should be."""

    albums: int = 0
    covers: int = 0
    cover_bytes: int = 0
    natures: dict[str, int] = field(default_factory=dict)
    without: dict[str, int] = field(default_factory=dict)
    calm_s: dict[str, float] = field(default_factory=dict)
    calm_told: dict[str, object] = field(default_factory=dict)
    told: dict[str, object] = field(default_factory=dict)
    ends: dict[str, int] = field(default_factory=dict)
    blows: dict[str, int] = field(default_factory=dict)
    wall_s: float = 0.0
    memory_mib: dict[str, float] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Soak:
    """A soak in `scratch`, which is its own."""

    plan: Plan
    scratch: Path
    figures: Figures = field(default_factory=Figures)
    _rng: Random = field(init=False)
    _is_reordered: bool = False

    def __post_init__(self) -> None:
        self._rng = Random(self.plan.chances.seed)

    def carry_out(self) -> Figures:
        """Build the dataset twice, and say what differs.

        Raises:
            BenchError: the undisturbed run or the host fails: there is nothing to compare with.

        """
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir(parents=True)
        per_label = max(2, round(self.plan.albums / _ROWS_AN_ALBUM))
        with HostProcess(per_label, self.plan.chances, self._certificate()) as host:
            calm = self._calm(host)
            host.disturb()
            program = self._program("disturbed", host)
            folder = program.folder / "data"
            with OwnDisk(folder) if self.plan.may_mount else nullcontext() as disk:
                self._disturbed(host, program, folder, disk)
        self._judge(calm, folder)
        return self.figures

    def _calm(self, host: HostProcess) -> Dataset:
        program = self._program("calm", host)
        lives = {}
        for stage in STAGES:
            _say(f"undisturbed: {stage}")
            lives[stage] = program.to_its_end(*_words_of(stage))
            if lives[stage].code not in _DONE:
                msg = f"`equigen {stage}` ended with {lives[stage].code}: {program.said()}"
                raise BenchError(msg)
        folder = program.folder / "data"
        self.figures.calm_s = {stage: round(life.wall_s, 1) for stage, life in lives.items()}
        self.figures.calm_told = asdict(host.counts())
        first, last = highest(lives["download"].samples)
        self.figures.memory_mib |= {
            "undisturbed download, first third": first,
            "undisturbed download, last third": last,
            "undisturbed, any stage": max(_most(life) for life in lives.values()),
        }
        is_long = lives["download"].wall_s > _TELLS_AFTER_S
        if is_long and last > first * _FLAT + _FLAT_MIB:
            self._find(f"memory grew while covers came: {first:.0f} MiB, then {last:.0f} MiB")
        dataset = read_dataset(folder)
        self._count(dataset, folder)
        return dataset

    def _count(self, dataset: Dataset, folder: Path) -> None:
        """Note what the dataset is, and that it lacks just the covers that are none by nature."""
        figures, chances = self.figures, self.plan.chances
        pictures = {picture_key(row["image_url"]) for row in rows_of(folder)}
        natures = Counter(
            chances.nature_of(picture.removeprefix(_KEY)) for picture in sorted(pictures)
        )
        figures.albums, figures.covers = len(dataset.rows), len(dataset.files)
        figures.cover_bytes = sum(
            file.stat().st_size for file in (folder / IMAGES_NAME).rglob("*.jpg")
        )
        figures.natures = {str(nature): natures[nature] for nature in sorted(filter(None, natures))}
        without: Counter[str] = Counter()
        for path, known in dataset.covers.items():
            picture, status, *_ = known.split(" ")
            nature = chances.nature_of(picture.removeprefix(_KEY))
            if status != "ok":
                without[f"{nature}: {known.removeprefix(f'{picture} ').strip()}"] += 1
            if (status == "ok") != (nature is None or nature.is_cover):
                self._find(f"undisturbed, {path} is {known!r}, and by nature {nature or 'a JPEG'}")
        figures.without = dict(sorted(without.items()))

    def _disturbed(
        self, host: HostProcess, program: Program, folder: Path, disk: OwnDisk | None
    ) -> None:
        lives = Lives(program, folder, self.figures.findings)
        blows = Blows(folder, lives, disk)
        began_s = time.monotonic()
        loading: list[Memory] = []
        patience, before, ended, asked = 1.0, 0, 0, 0
        stages = list(STAGES)
        while ended < _MOST_AGAIN:
            span_s = self._rng.uniform(self.plan.least_span_s, self.plan.most_span_s) * patience
            # Mostly one stage after another: the whole way takes many a life to its first cover.
            is_whole = not stages or self._rng.random() < _WHOLE_SHARE
            words = WHOLE if is_whole else _words_of(stages[0])
            is_struck = self._rng.random() < self.plan.blow_share
            life = (blows if is_struck else lives).one(words, span_s, self._rng)
            told = host.counts()
            _say(
                f"{lives.ends.total()}. {words[0]}, {life.end} after {life.wall_s:.1f} s:"
                f" {dict(told.asked)}"
            )
            if told.asked.get("pictures", 0) > asked:
                loading.append(_peak(life))
            asked = told.asked.get("pictures", 0)
            if life.end is End.ITSELF and not is_struck:
                if life.code not in _DONE:
                    self._find(f"it ended by itself with {life.code}: {program.said()}")
                    break
                if not is_whole:
                    stages.pop(0)
                    continue
                ended += 1
                if self._is_over(program, host):
                    break
            elif time.monotonic() - began_s > _LONGEST_S:
                self._find(f"it didn't come to an end within {_LONGEST_S:,} s")
                break
            self._look_between(folder, lives, told.asked.get("pictures", 0))
            # A life that gets no further is followed by a longer one.
            now = told.asked.get("pages", 0) + _count_covers(folder)
            patience, before = (1.0 if now > before else patience * _GROWS), now
        else:
            self._find(f"{_MOST_AGAIN} runs that ended by themselves each left something to fetch")
        self.figures.wall_s = round(time.monotonic() - began_s, 1)
        self.figures.told = asdict(host.counts())
        self.figures.ends = dict(lives.ends.most_common())
        self.figures.blows = dict(blows.struck.most_common())
        first, last = highest(loading)
        self.figures.memory_mib |= {
            "disturbed, first third of the runs that asked for covers": first,
            "disturbed, last third of them": last,
        }
        if strays := host.counts().strays:
            self._find(f"{strays:,} requests took the API's credentials to hosts of pictures")
        proof = program.to_its_end("split", "--verify", "--quiet")
        if proof.code:
            self._find(f"`equigen split --verify` ended with {proof.code}: {program.said()}")

    def _is_over(self, program: Program, host: HostProcess) -> bool:
        """Tell whether a further run asks nobody for anything, as it should."""
        before = host.counts().requests
        again = program.to_its_end(*WHOLE)
        if again.code not in _DONE:
            self._find(f"the run after the last ended with {again.code}: {program.said()}")
        more = host.counts().requests - before
        if more:
            self._find(f"a run after one that ended by itself made {more:,} requests")
        return not more

    def _look_between(self, folder: Path, lives: Lives, asked: int) -> None:
        """See whether what a killed run left can be used, and now and then do what users do."""
        try:
            rows = len(rows_of(folder))
        except (ValueError, csv.Error) as err:
            self._find(f"after a kill: {err}")
            return
        files = sorted((folder / IMAGES_NAME).glob("*/[!.]*"))
        for file in self._rng.sample(files, min(_ENDS_LOOKED_AT, len(files))):
            if not file.read_bytes().endswith(_JPEG_END):
                self._find(f"after a kill: {file} is half a cover")
        if lives.ends.total() % _CHECK_LEDGER_EVERY == 0 and (said := ledger_complaint(folder)):
            self._find(f"after a kill: {said}")
        if not self._is_reordered and rows and asked > rows * _REORDER_AFTER:
            _say("its rows are shuffled")
            _reorder(folder / TSV_NAME, self._rng)
            self._is_reordered = True

    def _judge(self, calm: Dataset, folder: Path) -> None:
        if complaint := ledger_complaint(folder):
            self._find(complaint)
        disturbed = read_dataset(folder)
        for difference in differences(calm, disturbed):
            self._find(f"not as undisturbed: {difference}")
        # Of what both have in the same way.
        for name, dataset in (("undisturbed", calm), ("disturbed", disturbed)):
            for contradiction in contradictions(dataset):
                self._find(f"{name}: {contradiction}")

    def _program(self, name: str, host: HostProcess) -> Program:
        folder = self.scratch / name
        folder.mkdir()
        most = max(2, round(self.plan.albums * _FULL_SHARE))
        # A label's years are asked for one by one, and for few albums nearly all of them in vain.
        oldest = max(1930, 2026 - self.plan.albums // _ALBUMS_A_YEAR)
        (folder / "config.toml").write_text(_CONFIG.format(most=most, oldest=oldest))
        return Program([sys.executable, "-m", "equigen"], folder, host.environment())

    def _certificate(self) -> Path | None:
        openssl = shutil.which("openssl")
        if not openssl:
            _say("openssl isn't installed: no host has a certificate of its own making")
            return None
        words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=x"]
        key, certificate = self.scratch / "key.pem", self.scratch / "certificate.pem"
        subprocess.run(
            [openssl, *words, "-keyout", str(key), "-out", str(certificate)],
            check=True,
            capture_output=True,
        )
        return self.scratch

    def _find(self, finding: str) -> None:
        _say(finding)
        self.figures.findings.append(finding)


def _words_of(stage: str) -> Sequence[str]:
    return (stage, "--quiet", *(LINK if stage == "split" else ()))


def _peak(life: Life) -> Memory:
    return max(life.samples, key=lambda memory: memory.pss_mib, default=Memory())


def _most(life: Life) -> float:
    return _peak(life).pss_mib


def _count_covers(folder: Path) -> int:
    return sum(name.endswith(".jpg") for _, _, names in os.walk(folder) for name in names)


def _reorder(tsv: Path, rng: Random) -> None:
    """Shuffle the rows, as somebody may who opens the file."""
    with tsv.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file, delimiter="\t")
    rng.shuffle(rows)
    beside = tsv.with_suffix(".shuffled")
    with beside.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter="\t", lineterminator="\n").writerows([header, *rows])
    beside.replace(tsv)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
