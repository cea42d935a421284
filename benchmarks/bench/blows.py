"""What befalls a dataset from outside for one life of the program, and what must come of it.

Each of them ends a run in a way of its own, which is looked at; then what happened is taken back,
as its owner would, and the next life must go on as if nothing had been.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from random import Random

from bench.lives import End, Life, Lives
from bench.own_disk import OwnDisk
from bench.sameness import TSV_NAME
from equigen.ledger.backup import copies_of
from equigen.ledger.ledger import LEDGER_NAME

_DONE = frozenset({0, 3})
_MOST_ROOM_KIB = 1024
_HEADER_BYTES = 100
_PAGES_BYTES = 3 * 4096
# Of the runs that lose the ledger, so many lose its copies as well.
_SHARE_WITH_COPIES = 0.5
_NOBODY = "a token that nobody knows"


class Blow(StrEnum):
    """What can befall a dataset."""

    FULL = "the disk is full"
    READ_ONLY = "the disk takes no writes"
    CUT_TSV = "the TSV was cut off"
    DAMAGED = "the ledger is damaged, then `equigen repair`"
    LOST = "the ledger is lost, then `equigen repair`"
    REFUSED = "401 for every request to the API"


@dataclass(frozen=True, slots=True)
class _Outcome:
    """With which code a struck run ends, what it says then, and whether it may not notice."""

    code: int
    says: str
    may_pass: bool = True


_OUTCOMES: Mapping[Blow, _Outcome] = {
    Blow.FULL: _Outcome(1, "no space left"),
    Blow.READ_ONLY: _Outcome(1, "read-only", may_pass=False),
    Blow.CUT_TSV: _Outcome(2, "line ", may_pass=False),
    Blow.DAMAGED: _Outcome(1, "`equigen repair`"),
    Blow.LOST: _Outcome(1, "`equigen repair`"),
    Blow.REFUSED: _Outcome(2, "401"),
}


@dataclass(slots=True)
class Blows:
    """Blows to the dataset in `directory`, which lies on `disk` where it has one of its own."""

    directory: Path
    lives: Lives
    disk: OwnDisk | None
    struck: Counter[str] = field(default_factory=Counter)

    def one(self, words: Sequence[str], span_s: float, rng: Random) -> Life:
        """Live once under a blow that is drawn, and take it back.

        A life in which none can be struck yet is one that ends by SIGKILL.
        """
        can = [blow for blow in Blow if self._can(blow, words)]
        if not can:
            return self.lives.until(words, span_s, End.KILLED)
        blow = rng.choice(can)
        lives, take_back = self._strike(blow, rng)
        life = lives.until(words, span_s, End.KILLED)
        said = lives.program.said()
        take_back()
        self.struck[blow] += 1
        self._look(blow, life, said)
        return life

    def _can(self, blow: Blow, words: Sequence[str]) -> bool:
        match blow:
            case Blow.FULL | Blow.READ_ONLY:
                return self.disk is not None
            case Blow.CUT_TSV:
                return len(_last_line(self._tsv)) > 1
            case Blow.DAMAGED | Blow.LOST:
                return self._ledger.exists()
            case Blow.REFUSED:
                # Later it is only asked for addresses; a host that refuses five of them rests.
                return words[0] == "fetch"

    def _strike(self, blow: Blow, rng: Random) -> tuple[Lives, Callable[[], None]]:
        """Strike; return with which lives to go on, and what takes the blow back."""
        lives, disk = self.lives, self.disk
        match blow:
            case Blow.FULL if disk:
                disk.leave(rng.randrange(_MOST_ROOM_KIB))
                return lives, disk.mend
            case Blow.READ_ONLY if disk:
                disk.refuse_writes()
                return lives, disk.mend
            case Blow.CUT_TSV:
                return lives, self._cut(rng)
            case Blow.DAMAGED:
                self._damage(rng)
            case Blow.LOST:
                with_copies = copies_of(self._ledger) if rng.random() < _SHARE_WITH_COPIES else ()
                for file in (*self.directory.glob(f"{LEDGER_NAME}*"), *with_copies):
                    file.unlink(missing_ok=True)
            case _:
                program = lives.program
                stranger = {**program.environment, "DISCOGS_TOKEN": _NOBODY}
                return replace(lives, program=replace(program, environment=stranger)), _nothing
        return lives, self._repair

    def _look(self, blow: Blow, life: Life, said: str) -> None:
        """Find what should not be, in a life that wasn't killed before it came to it."""
        expected = _OUTCOMES[blow]
        is_done = life.code in _DONE and expected.may_pass
        if life.end is not End.ITSELF or is_done:
            return
        if life.code != expected.code or expected.says not in said.lower():
            self._find(
                f"{blow}: it ended with {life.code}, expected {expected.code} and"
                f" {expected.says!r}: {said}"
            )

    def _cut(self, rng: Random) -> Callable[[], None]:
        """Cut the TSV within its last line; what puts it back sees that nobody touched it."""
        whole = self._tsv.read_bytes()
        # Its line end alone may lack.
        torn = whole[: -rng.randrange(2, len(_last_line(self._tsv)) + 1)]
        self._tsv.write_bytes(torn)

        def put_back() -> None:
            if self._tsv.read_bytes() != torn:
                self._find(f"{Blow.CUT_TSV}: it was written")
            self._tsv.write_bytes(whole)

        return put_back

    def _damage(self, rng: Random) -> None:
        """Overwrite the header, cut the file in half, or overwrite three pages."""
        data = bytearray(self._ledger.read_bytes())
        match rng.randrange(3):
            case 0:
                data[:_HEADER_BYTES] = bytes(_HEADER_BYTES)
            case 1:
                del data[len(data) // 2 :]
            case _:
                start = rng.randrange(max(1, len(data) - _PAGES_BYTES))
                data[start : start + _PAGES_BYTES] = bytes(len(data[start : start + _PAGES_BYTES]))
        self._ledger.write_bytes(data)

    def _repair(self) -> None:
        life = self.lives.until(["repair", "--quiet"], None, End.ITSELF)
        if life.code not in _DONE:
            self._find(f"`equigen repair` ended with {life.code}: {self.lives.program.said()}")
        for file in self.directory.glob(f"{LEDGER_NAME}.damaged-*"):
            file.unlink()

    def _find(self, finding: str) -> None:
        self.lives.findings.append(finding)

    @property
    def _tsv(self) -> Path:
        return self.directory / TSV_NAME

    @property
    def _ledger(self) -> Path:
        return self.directory / LEDGER_NAME


def _last_line(tsv: Path) -> bytes:
    """Return the last of a TSV's rows without its line end, "" where it has none."""
    lines = tsv.read_bytes().splitlines() if tsv.exists() else []
    return lines[-1] if len(lines) > 1 else b""


def _nothing() -> None:
    pass
