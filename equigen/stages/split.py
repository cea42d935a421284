"""Deal the covers into train, val and test.

Albums of one artist, and covers of the same bytes, never stand in two sets. An album stays in its
set for ever, whatever comes and goes; only --reshuffle deals anew. --group none deals each cover by
itself: the sets are then those of split-folders, and nothing is remembered.

split.tsv, in the folder of the sets, says where each album is.

Examples:
  equigen split
  equigen split --link hardlink
  equigen split --verify
"""

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer
from splitfolders.split import list_dirs, setup_files, split_files

from equigen.context import Context
from equigen.covers import dataset_covers
from equigen.errors import MissingInputError
from equigen.files import write_tsv
from equigen.layout import cover_files, gather, lay_out, refuse_nesting, sha256_of
from equigen.leaks import prove_none
from equigen.ledger import SPLIT_LINK, Ledger, Placement
from equigen.lock import dataset_lock
from equigen.rules.credits import artists_by_credit
from equigen.rules.dealing import Aside, Placed, deal
from equigen.rules.grouping import LARGEST_SHARE, Grouping, Member, grouped
from equigen.rules.splitting import ASIDE, SETS, Changes, Link
from equigen.summary import Summary, Table

ORDER: Final = 70
SETTINGS: Final = ("split.ratio", "split.seed")
SPLIT_TSV: Final = "split.tsv"
_COLUMNS = ("album_id", "genre", "set", "group", "file", "sha256")
_NO_ROW = "no row in the dataset"
_TIED = "tied to several sets"
_EXAMPLES = 3


class Group(StrEnum):
    """Which albums stay together in one set; `none` deals each cover by itself."""

    ARTIST_COVER = "artist+cover"
    ARTIST = "artist"
    COVER = "cover"
    NONE = "none"


def run(
    context: Context,
    *,
    link: Annotated[Link, typer.Option(help="How covers get into their sets.")] = Link.COPY,
    group: Annotated[
        Group, typer.Option(help="Which albums stay in one set.")
    ] = Group.ARTIST_COVER,
    reshuffle: Annotated[bool, typer.Option(help="Deal all albums anew.")] = False,
    verify: Annotated[
        bool, typer.Option(help="Prove from the files that nothing is in two sets.")
    ] = False,
) -> Summary:
    """Split the images folder.

    Raises:
        MissingInputError: there are no covers yet, or no dataset that tells their artists.
        ConfigError: the split folder and the images folder lie in each other.
        LeakError: with `verify`, something is in two sets.
        StorageError: the disk refuses.

    """
    images, split = context.images, context.split
    refuse_nesting(images, split)
    if not context.directory.is_dir():
        raise _no_covers(images)
    with (
        dataset_lock(context.directory, stage="split", now=context.now()),
        Ledger(context.ledger) as ledger,
    ):
        if verify:
            return prove_none(context)
        if ledger.value(SPLIT_LINK) == Link.MOVE:
            gather(images, split)
        dealt = (
            _by_library(context)
            if group is Group.NONE
            else _by_group(context, ledger, group, anew=reshuffle)
        )
        laid_out = ledger.sets()
        # Before the first file moves: should the run be killed, it is known where they may be.
        ledger.remember(SPLIT_LINK, link)
        ledger.record_sets({**dealt.sets, **{each.path: ASIDE for each in dealt.aside}})
        if dealt.grouping:
            ledger.place(dealt.placements, anew=reshuffle)
        plan = lay_out(context, dealt.sets, laid_out, link)
        write_tsv(split / SPLIT_TSV, _COLUMNS, _rows(context, dealt, ledger.cover_digests()))
    return _summary(context, dealt, plan, group=group, link=link)


@dataclass(frozen=True, slots=True)
class _Dealt:
    """The set of each cover, by path in path order, and what led to it.

    `files` is how many covers there are, `strangers` how many of them no row asks for. `albums` are
    the ids and `groups` the groups' names of covers, by path, where known; `placements` the sets to
    remember.
    """

    sets: Mapping[str, str]
    files: int
    aside: Sequence[Aside] = ()
    albums: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)
    placements: Sequence[Placement] = ()
    grouping: Grouping | None = None
    strangers: int = 0


def _by_library(context: Context) -> _Dealt:
    """Have split-folders deal the covers.

    Shuffling and cutting are the library's own; only the laying out of files is ours.
    """
    images, settings = context.images, context.settings.split
    train, val, _ = settings.ratio
    sets: dict[str, str] = {}
    state = random.getstate()  # split-folders seeds the generator that the whole process shares
    try:
        for genre in list_dirs(images) if images.is_dir() else ():
            files = setup_files(genre, settings.seed)
            train_ends = int(train * len(files))
            val_ends = train_ends + int(val * len(files))
            for part, name in split_files(files, train_ends, val_ends, use_test=True):
                sets |= {f"{genre.name}/{file.name}": name for file in part}
    finally:
        random.setstate(state)
    if not sets:
        raise _no_covers(images)
    return _Dealt(sets, len(sets))


def _by_group(context: Context, ledger: Ledger, group: Group, *, anew: bool) -> _Dealt:
    files = set(cover_files(context.images))
    if not files:
        raise _no_covers(context.images)
    members, albums = _members(context, ledger, files, group)
    grouping = grouped(members)
    paths: dict[str, list[str]] = {}
    for path, album in albums.items():
        paths.setdefault(album or path, []).append(path)
    before = [] if anew else ledger.placements()
    settings = context.settings.split
    dealt = deal(
        members,
        grouping,
        ratio=settings.ratio,
        seed=settings.seed,
        before=[
            Placed(each.set_name, each.ties, tuple(paths.get(each.album, ()))) for each in before
        ],
    )
    return _Dealt(
        dealt.sets,
        len(files),
        dealt.aside,
        albums=albums,
        groups={
            members[at].path: min((tie for each in one for tie in members[each].ties), default="")
            for one in grouping.groups
            for at in one
        },
        placements=[
            Placement(albums[each.path] or each.path, dealt.sets[each.path], tuple(each.ties))
            for each in members
            if each.path in dealt.sets
        ],
        grouping=grouping,
        strangers=len(files) - len(members),
    )


def _members(
    context: Context, ledger: Ledger, files: set[str], group: Group
) -> tuple[list[Member], dict[str, str]]:
    """Return the albums that have a cover, in file order, and the id of each, by path."""
    ties_artists = group in {Group.ARTIST, Group.ARTIST_COVER}
    ties_covers = group in {Group.COVER, Group.ARTIST_COVER}
    rows = [(row.path, row.genre, row.artist, row.album_id) for row in dataset_covers(context)]
    artists = artists_by_credit({artist for _, _, artist, _ in rows}) if ties_artists else {}
    digests = ledger.cover_digests() if ties_covers else {}
    shown = Counter(digests[path] for path in files if path in digests)
    members, albums = [], {}
    for path, genre, artist, album_id in rows:
        if path in files and path not in albums:
            digest = digests.get(path, "")
            cover = digest if shown[digest] > 1 else ""
            members.append(Member(path, genre, artists.get(artist, ()), cover))
            albums[path] = album_id
    return members, albums


def _rows(context: Context, dealt: _Dealt, digests: Mapping[str, str]) -> Iterator[list[str]]:
    where = {**dealt.sets, **{each.path: ASIDE for each in dealt.aside}}
    for path in sorted(where):
        genre = path.partition("/")[0]
        digest = digests.get(path) or sha256_of(context, path, where[path])
        group = dealt.groups.get(path, "")
        yield [dealt.albums.get(path, ""), genre, where[path], group, path, digest]


def _summary(
    context: Context, dealt: _Dealt, plan: Changes, *, group: Group, link: Link
) -> Summary:
    sizes = Counter((path.partition("/")[0], name) for path, name in dealt.sets.items())
    sizes.update((each.path.partition("/")[0], ASIDE) for each in dealt.aside)
    shown = (*SETS, ASIDE) if dealt.aside else SETS
    by_genre: list[tuple[str | int, ...]] = [
        (genre, *(sizes[genre, name] for name in shown))
        for genre in sorted({genre for genre, _ in sizes})
    ]
    totals = Counter(dealt.sets.values())
    total: tuple[str | int, ...] = ("total", *(totals[name] for name in SETS))
    grouping = dealt.grouping
    return Summary(
        stage="split",
        unit="covers",
        rows_in=dealt.files,
        rows_out=len(dealt.sets),
        dropped={_TIED: len(dealt.aside), _NO_ROW: dealt.strangers},
        facts={
            "sets": {name: totals[name] for name in SETS},
            "group": str(group),
            "groups": len(grouping.groups) if grouping else 0,
            "groups_cut": grouping.cut if grouping else 0,
            "largest_group_share": round(grouping.largest_share, 4) if grouping else 0,
            "link": str(link),
            "added": len(plan.add),
            "removed": len(plan.remove),
            "folder": str(context.split),
        },
        table=Table(
            ("genre", *shown),
            (*by_genre, (*total, len(dealt.aside)) if dealt.aside else total),
        ),
        notes=list(_notes(dealt)),
    )


def _notes(dealt: _Dealt) -> Iterator[str]:
    grouping = dealt.grouping
    if grouping and grouping.cut:
        yield (
            f"{grouping.cut:,} groups were larger than {LARGEST_SHARE:.0%} of a genre (the largest:"
            f" {grouping.largest_share:.0%}) and were cut at their {len(grouping.loose):,}"
            " collaborations; those whose artists are in several sets are set aside"
        )
    moved = [each for each in dealt.aside if each.was_in]
    for each in moved[:_EXAMPLES]:
        ties = ", ".join(f"{tie} ({name})" for tie, name in each.ties.items())
        yield f"{each.path} was in {each.was_in}, and is now tied to {ties}: set aside"
    if len(moved) > _EXAMPLES:
        yield f"{len(moved) - _EXAMPLES:,} more were taken out of their sets: see {SPLIT_TSV}"


def _no_covers(images: Path) -> MissingInputError:
    msg = f"{images}: no covers there. `equigen download` makes them: run that first."
    return MissingInputError(msg)
