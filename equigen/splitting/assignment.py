"""Assign covers to sets: by groups, or each cover by itself."""

import hashlib
import random
from collections import Counter, defaultdict
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import NamedTuple

from splitfolders.split import setup_files, split_files

from equigen.dataset.context import SPLIT_TSV, Context
from equigen.dataset.covers import WantedCover, dataset_covers, name_in
from equigen.dataset.examples import (
    Examples,
    further_ids,
    known_examples,
    mark_of_examples,
)
from equigen.dataset.layouts import Covers, sha256_of
from equigen.dataset.same_albums import names_by_album
from equigen.dataset.table import stamp_of
from equigen.dataset.tsv import reading_tsv
from equigen.downloading.shared_covers import (
    find_shared_covers,
    noted_shared_covers,
    out_of_sets,
    settled_covers,
)
from equigen.errors import InputError, MissingInputError
from equigen.identity.artists import artist_ids, artist_key, artists_by_credit
from equigen.ledger.database import CHANGED
from equigen.ledger.ledger import SPLIT_GROUPS, Ledger
from equigen.ledger.models import Digest, Placement
from equigen.ledger.values import SharedCover, SplitGroups, read_split_groups
from equigen.neardup.search import find_lookalikes
from equigen.schema import ASIDE, Group, join_list
from equigen.splitting.dealing import Aside, Dealt, Earlier, deal
from equigen.splitting.given import GivenSets, sets_in
from equigen.splitting.grouping import (
    Edge,
    Grouping,
    Member,
    components,
    crossing,
    forest,
    grouped,
    showing_examples,
    to_earlier,
)
from equigen.storage.below import FileBelow, folders_below
from equigen.version import __version__

_ARTIST = "artist "
_COVER = "cover "
# How loosely covers hang in what looks alike: those that are gone tie nothing by themselves.
_FIRM, _LOOSE, _GONE = range(3)


@dataclass(frozen=True, slots=True)
class SplitRow:
    """A cover in `split.tsv`: its set or "aside", and the name of its group there.

    `album` is the album's key, `genre` its cell; a file without a row has neither. `labels` are
    spelled as folders are. `set_given` is the one that the dataset gives, if that is kept, and
    `leak` what ties the cover to other sets.
    """

    album: str
    album_id: str
    genre: str
    labels: tuple[str, ...]
    set_name: str
    group: str
    path: str
    sha256: str
    set_given: str = ""
    leak: str = ""


@dataclass(frozen=True, slots=True)
class SplitOutcome:
    """Sets of so many covers (`files`), in path order.

    `links` are the further files of albums of several labels, each with the path of its row.
    `aside` are those of the rows that are in no set, and why; `placements` what is to be
    remembered. `held_back` counts covers that have bytes of so many artists that they are in no
    set, `shared`, until that is settled. `examples` are covers that show an example.
    """

    rows: Sequence[SplitRow]
    files: int
    groups: SplitGroups
    aside: Sequence[Aside] = ()
    placements: Sequence[Placement] = ()
    held_back: int = 0
    shared: Sequence[SharedCover] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    examples: Sequence[Aside] = ()

    @property
    def sets(self) -> Mapping[str, str]:
        """The set of each file that is in one, by its path."""
        sets = {row.path: row.set_name for row in self.rows if row.set_name != ASIDE}
        return sets | {path: sets[first] for path, first in self.links.items() if first in sets}


@dataclass(frozen=True, slots=True)
class _Album:
    """A cover that is there, its album's key, and all of its ties, the artists' first."""

    row: WantedCover
    key: str
    sha256: str
    ties: tuple[str, ...]
    is_collaboration: bool

    def member(self, group: Group) -> Member:
        ties = tuple(tie for tie in self.ties if group.uses(tie))
        is_joint = self.is_collaboration and group.uses(_ARTIST)
        return Member(self.row.path, self.row.labels, self.key, ties, is_collaboration=is_joint)


def dealt_by_library(context: Context, ledger: Ledger, there: Covers) -> SplitOutcome:
    """Have split-folders deal each cover by itself; nothing is remembered.

    Shuffling and cutting are the library's own: the sets are those of `splitfolders.ratio(images,
    output, seed=..., ratio=...)`, but that a cover in several folders is in one set.
    """
    settings, known = context.settings.split, ledger.cover_digests()
    shared = out_of_sets(noted_shared_covers(ledger))
    refused = {each.sha256 for each in shared}
    out = {path for path, digest in known.items() if digest.sha256 in refused}
    shown = set[str]()
    if examples := known_examples(context, covers=True):
        covers = _digests(context, there.keys() - out, there, known)
        with_rows = _wanted(context, covers).rows if context.tsv.exists() else ()
        pairs = _lookalikes(context, ledger, covers, examples) if examples.covers else ()
        elsewhere = further_ids(context.tsv) if with_rows else {}
        shown = showing_examples(examples, with_rows, elsewhere, covers, pairs)
        out |= shown
    train, val, _ = settings.ratio
    sets: dict[str, str] = {}
    state = random.getstate()  # split-folders seeds the generator that the whole process shares
    try:
        for label in folders_below(context.images):
            found = setup_files(context.images / label, settings.seed)
            files = [file for file in found if f"{label}/{file.name}" not in out]
            train_ends = int(train * len(files))
            val_ends = train_ends + int(val * len(files))
            for part, name in split_files(files, train_ends, val_ends, use_test=True):
                sets |= {f"{label}/{file.name}": name for file in part}
    finally:
        random.setstate(state)
    links = _links(dataset_covers(context), there) if _has_labels(context) else {}
    labels: dict[str, list[str]] = {}
    for path in there:
        labels.setdefault(links.get(path, path), []).append(path.rpartition("/")[0])
    digests = _digests(context, sets, there, known)
    rows = [
        SplitRow("", "", "", tuple(labels[path]), sets[path], "", path, digests[path])
        for path in sorted(sets.keys() - links.keys())
    ]
    kept_out = _kept_out(ledger, shown - links.keys())
    held_back = len((there.keys() & out) - links.keys()) - len(kept_out)
    groups = SplitGroups(Group.NONE, 0, 0, 0.0, 0, sizes=_sizes(rows), examples=len(kept_out))
    return SplitOutcome(
        rows, len(rows) + held_back + len(kept_out), groups, held_back=held_back, shared=shared,
        links=links, examples=kept_out,
    )  # fmt: skip


def _has_labels(context: Context) -> bool:
    """Tell whether there is a dataset whose albums may have several labels."""
    with suppress(MissingInputError), reading_tsv(context.tsv) as tsv:
        return "labels" in tsv.columns
    return False


def _links(rows: Iterable[WantedCover], there: Covers) -> dict[str, str]:
    """Return the further files of rows whose first file is there, with the path of that one."""
    return {
        path: row.path for row in rows if row.path in there for path in row.links if path in there
    }


def _sizes(rows: Iterable[SplitRow]) -> dict[str, dict[str, int]]:
    """Count albums by label, "" for all of them, and set."""
    sizes: defaultdict[str, Counter[str]] = defaultdict(Counter, {"": Counter()})
    for row in rows:
        for label in ("", *row.labels):
            sizes[label][row.set_name] += 1
    return {label: dict(counts) for label, counts in sizes.items()}


def mark_of(context: Context, ledger: Ledger, there: Covers) -> str:
    """Return a digest of all that a deal by groups reads, and of the `split.tsv` that it wrote."""
    settings, table = context.settings, context.split / SPLIT_TSV
    files = [stamp_of(each) if each.is_file() else None for each in (context.tsv, table)]
    settled = settled_covers(settings.download, ledger)
    examples = mark_of_examples(context)
    sources = (context.images, files, ledger.value(CHANGED), settled, __version__, examples)
    rules = (settings.split, settings.fetch.known_queries(), settings.download.renderings())
    read = hashlib.sha256(repr((sources, rules)).encode())
    for path in sorted(there):
        read.update(f"{path}\0{there[path]}\0".encode())
    return read.hexdigest()


def last_deal(context: Context, ledger: Ledger, there: Covers) -> SplitOutcome | None:
    """Return the last deal by groups if it stands, without what only its first run tells."""
    groups = ledger.read(SPLIT_GROUPS, read_split_groups)
    if not groups or not groups.sizes or groups.deal != mark_of(context, ledger, there):
        return None
    laid_out = ledger.laid_out()
    rows = [SplitRow("", "", "", (), name, "", path, "") for path, name in laid_out.items()]
    aside = [Aside(row.path, {}, ASIDE) for row in rows if row.set_name == ASIDE]
    count = len(there) - groups.links
    held_back = count - groups.strangers - sum(groups.sizes[""].values())
    shared = out_of_sets(noted_shared_covers(ledger)) if held_back else ()
    examples, aside = aside[: groups.examples], aside[groups.examples :]
    return SplitOutcome(rows, count, groups, aside, (), held_back, shared, examples=examples)


def dealt_by_group(
    context: Context, ledger: Ledger, group: Group, there: Covers, *, anew: bool = False
) -> SplitOutcome:
    """Deal covers so that no tie is in two sets, and each album stays where it was.

    Raises:
        MissingInputError: there is no dataset.
        InputError: the dataset is broken, or asks for none of the covers.
        StorageError: a cover can't be read.

    """
    wanted = _wanted(context, there)
    if not wanted.rows:
        msg = (
            f"{context.tsv}: no row asks for any of the {len(there)} covers in {context.images}."
            " Expected the dataset that they were downloaded for. `--group none` deals them without"
            " one."
        )
        raise InputError(msg)
    keys = {row.path: row.album for row in wanted.rows}
    links = {each: row for each, row in _links(wanted.rows, there).items() if each not in keys}
    before = [] if anew else _before(ledger, wanted.rows, keys)
    known = ledger.cover_digests()
    digests = _digests(context, (row.path for row in wanted.rows), there, known)
    del known
    shared = out_of_sets(find_shared_covers(context, ledger))
    out = {each.sha256 for each in shared}
    rows = [row for row in wanted.rows if digests[row.path] not in out]
    held_back = len(digests) - len(rows)
    digests = {row.path: digests[row.path] for row in rows}
    examples = known_examples(context, covers=True)
    pairs: list[Edge] = []
    if group.uses(_COVER) or examples.covers:
        pairs = _lookalikes(context, ledger, digests, examples)
    shown = set[str]()
    if examples:
        shown = showing_examples(examples, rows, further_ids(context.tsv), digests, pairs)
    kept = [row for row in rows if row.path not in shown]
    if held_back or shown:
        gone = set(keys.values()) - {keys[row.path] for row in kept}
        ledger.forget_placements(gone)
        before = [each for each in before if each.album not in gone]
    artists = artists_by_credit(wanted.credits, known=dealt_artists(before))
    albums, members, grouping, dealt = _deal(
        context,
        group,
        before,
        _Dataset(
            kept, keys, digests, artists, pairs if group.uses(_COVER) else (), wanted.given,
            names_by_album(context.tsv),
        ),
    )  # fmt: skip
    same = {each.row.path: (f"{_COVER}{each.sha256}", _address(each.row)) for each in albums}
    leaks = wanted.given.leaks(members, dealt, same)
    where = {**dealt.sets, **{each.path: ASIDE for each in dealt.aside}}
    names = _group_names([member for member in members if member.path in dealt.sets])
    dealt_rows = [
        SplitRow(
            keys[path], row.album_id, row.genre, row.labels, where.get(path, ASIDE),
            names.get(path, ""), path, digests[path], wanted.given.of_path.get(path, ""),
            join_list(leaks.get(path, ())),
        )
        for path, row in sorted((row.path, row) for row in rows)
    ]  # fmt: skip
    loose, count = len(grouping.loose), len(there) - len(links)
    shares = (grouping.largest_cut, loose, round(grouping.largest_share, 4))
    groups = SplitGroups(
        group, len(grouping.groups), grouping.cut, *shares, count - len(wanted.rows),
        links=len(links), sizes=_sizes(dealt_rows), examples=len(shown),
        leaks=wanted.given.counts(leaks, where),
    )  # fmt: skip
    return SplitOutcome(
        dealt_rows,
        count,
        groups,
        dealt.aside,
        [
            Placement(each.key, where[each.row.path], each.ties)
            for each in albums
            if not wanted.given.is_later_in(each.row.path, each.key)
        ],
        held_back,
        shared if held_back else (),
        links,
        _kept_out(ledger, shown),
    )


def _lookalikes(
    context: Context, ledger: Ledger, digests: Mapping[str, str], examples: Examples
) -> list[Edge]:
    """Return the look-alikes among covers, whose sha256 `digests` has, and those of examples."""
    images = context.images
    files = {digest: FileBelow(images, path) for path, digest in digests.items()}
    found = find_lookalikes(context, ledger, {**examples.covers, **files})
    pairs = [(pair.first, pair.second) for pair in found.pairs]
    # Of a large group not each two are a pair: who stays of it holds together without the rest.
    grouped_covers = sorted(found.groups, key=lambda digest: (found.groups[digest], digest))
    return pairs + [
        (one, other)
        for one, other in pairwise(grouped_covers)
        if found.groups[one] == found.groups[other]
    ]


def _kept_out(ledger: Ledger, paths: Collection[str]) -> list[Aside]:
    """Return the covers that show an example, each with the set that it was in."""
    were_in = ledger.laid_out() if paths else {}
    return [Aside(path, {}, were_in.get(path, "")) for path in sorted(paths)]


class _Dataset(NamedTuple):
    """The rows whose covers are there: keys, files and given sets by path, artists, look-alikes.

    `names` has one name for all keys that are one album by ids.
    """

    rows: Sequence[WantedCover]
    keys: Mapping[str, str]
    digests: Mapping[str, str]
    artists: Mapping[str, tuple[str, ...]]
    pairs: Sequence[Edge]
    given: GivenSets
    names: Mapping[str, str]


class _Deal(NamedTuple):
    albums: Sequence[_Album]
    members: Sequence[Member]
    grouping: Grouping
    dealt: Dealt


def _deal(context: Context, group: Group, before: Sequence[Placement], dataset: _Dataset) -> _Deal:
    """Deal by as few ties as hold look-alikes together, and by more where those turn out too few.

    An album that is set aside ties no others any more, and those that it tied may come apart though
    they look alike themselves. So each pair is looked at in the end, and tied where it came apart.
    """
    loose = _looseness(dataset, before)
    given = (dataset.digests.get(path, "") for path in dataset.given.in_turn())
    dealt_in_turn = dict.fromkeys([*map(_cover_of, before), *given])
    since = {cover: at for at, cover in enumerate(dealt_in_turn)}
    gone = {_cover_of(each): each.set_name for each in before if each.set_name != ASIDE}
    # Albums aside tie to each other those that got that tie when they were dealt, and no others.
    aside = {_cover_of(each) for each in before if each.set_name == ASIDE} - gone.keys()
    ties = ((_cover_of(each), tie.removeprefix(_COVER)) for each in before for tie in each.ties)
    had = {(cover, tie) for cover, tie in ties if tie in aside}
    alike = {
        cover: {
            other
            for other in others
            if cover not in gone or other not in aside or (cover, other) in had
        }
        for cover, others in forest(dataset.pairs, lambda digest: loose.get(digest, _GONE)).items()
    }
    settings = context.settings.split
    earlier = _earlier(dataset, before, group)
    while True:
        albums = list(_albums(dataset, to_earlier(alike, since)))
        members = [album.member(group) for album in albums]
        grouping = grouped(members)
        dealt = deal(
            members,
            grouping,
            ratio=settings.ratio,
            seed=settings.seed,
            before=earlier,
            given=dataset.given.of_path,
        )
        here = {dataset.digests[path]: name for path, name in dealt.sets.items()}
        # Those that are tied and apart: one is gone, and was dealt after the other.
        apart = [
            pair
            for pair in crossing(dataset.pairs, {**gone, **here})
            if pair[1] not in alike[pair[0]]
        ]
        if not apart:
            return _Deal(albums, members, grouping, dealt)
        for one, other in apart:
            alike[one].add(other)
            alike[other].add(one)


class _Wanted(NamedTuple):
    """The rows whose covers are there, one for each cover, the credits of all rows, given sets."""

    rows: Sequence[WantedCover]
    credits: set[str]
    given: GivenSets


def _wanted(context: Context, there: Container[str]) -> _Wanted:
    rows: dict[str, WantedCover] = {}
    named: set[str] = set()
    given = GivenSets()
    for row, name in zip(dataset_covers(context), sets_in(context), strict=False):
        named.add(row.artist)
        if row.path in there:
            rows.setdefault(row.path, row)
            if name:
                given.add(row.path, row.album, name)
    return _Wanted(list(rows.values()), named, given.known(context))


def dealt_artists(before: Sequence[Placement]) -> set[str]:
    """Return the artists that were dealt before: those that are gone tie too, and may return."""
    ties = (tie for each in before for tie in each.ties if tie.startswith(_ARTIST))
    return {_renewed(tie).removeprefix(_ARTIST) for tie in ties}


def _looseness(dataset: _Dataset, before: Sequence[Placement]) -> dict[str, int]:
    """Return which covers always tie what looks like them, by their sha256, and which may not.

    A collaboration can be cut loose, and who was set aside leads to no set.
    """
    aside = {each.album for each in before if each.set_name == ASIDE}
    found: dict[str, int] = {}
    for row in dataset.rows:
        is_loose = _is_collaboration(row, dataset.artists) or dataset.keys[row.path] in aside
        digest = dataset.digests[row.path]
        found[digest] = min(found.get(digest, _LOOSE), _LOOSE if is_loose else _FIRM)
    return found


def _cover_of(placement: Placement) -> str:
    """Return the sha256 of the cover that an album was dealt with: the first that it is tied to."""
    own = next((tie for tie in placement.ties if tie.startswith(_COVER)), "")
    return own.removeprefix(_COVER)


def _earlier(dataset: _Dataset, before: Sequence[Placement], group: Group) -> list[Earlier]:
    """Return what was dealt before, as far as its ties count, and where it is now."""
    paths: dict[str, list[str]] = {}
    for row in dataset.rows:
        key = dataset.keys[row.path]
        if not dataset.given.is_later_in(row.path, key):
            paths.setdefault(key, []).append(row.path)
    return [
        Earlier(
            each.set_name,
            tuple(tie for tie in each.ties if group.uses(tie)),
            tuple(paths.get(each.album, ())),
        )
        for each in before
    ]


def _before(
    ledger: Ledger, rows: Sequence[WantedCover], keys: Mapping[str, str]
) -> list[Placement]:
    """Return the albums that were dealt before, oldest first, by the keys that they have now.

    Ledgers before format 6, and `repair`, know albums without an id by the names of their files,
    and ledgers of earlier versions other keys of some artists.
    """
    before = ledger.placements()
    taken = {each.album for each in before}
    by_name = {name_in(row.path): row for row in rows}
    renamed: dict[str, str] = {}
    for each in before:
        row = by_name.get(each.album)
        if row and not row.album_id and keys[row.path] not in taken:
            taken.add(keys[row.path])
            renamed[each.album] = keys[row.path]
    if renamed:
        ledger.rename_placements(renamed)
    return [
        replace(each, ties=tuple(filter(None, map(_renewed, each.ties))))
        for each in (ledger.placements() if renamed else before)
    ]


def _renewed(tie: str) -> str:
    """Return a tie with the key that its artist has now; "" for one of nobody ("V.A. / V.A.")."""
    if not tie.startswith(_ARTIST):
        return tie
    key = artist_key(tie.removeprefix(_ARTIST))
    return f"{_ARTIST}{key}" if key else ""


def _albums(dataset: _Dataset, alike: Mapping[str, Sequence[str]]) -> Iterator[_Album]:
    """Yield all that ties each row; `alike` has the covers that one is tied to, by their sha256."""
    ids = Counter(row.album_id for row in dataset.rows if row.album_id)
    for row in dataset.rows:
        digest = dataset.digests[row.path]
        ties = [f"{_ARTIST}{name}" for name in dataset.artists[row.artist]]
        ties += (f"{_ARTIST}{each}" for each in artist_ids(row.artist_ids))
        ties += (f"{_COVER}{each}" for each in (digest, *alike.get(digest, ())))
        if dataset.given.of_path and row.url:
            ties.append(_address(row))
        name = dataset.names.get(dataset.keys[row.path])
        if name or ids[row.album_id] > 1:
            ties.append(f"album {name or row.album_id}")
        is_collaboration = _is_collaboration(row, dataset.artists)
        yield _Album(row, dataset.keys[row.path], digest, tuple(ties), is_collaboration)


def _address(row: WantedCover) -> str:
    return f"{_COVER}{row.picture}"


def _is_collaboration(row: WantedCover, artists: Mapping[str, Sequence[str]]) -> bool:
    return len(artists[row.artist]) > 1 or len(artist_ids(row.artist_ids)) > 1


def _digests(
    context: Context, paths: Iterable[str], there: Covers, known: Mapping[str, Digest]
) -> dict[str, str]:
    """Return covers' sha256: what the ledger knows, or read anew where it isn't that file."""
    images, found = context.images, dict[str, str]()
    for path in paths:
        digest = known.get(path)
        if digest and digest.sha256 and digest.size_bytes == there[path].size_bytes:
            found[path] = digest.sha256
        else:
            found[path] = sha256_of(FileBelow(images, path))
    return found


def _group_names(members: Sequence[Member]) -> dict[str, str]:
    """Return the name of each one's group among those that are in sets: one of its ties."""
    return {
        members[at].path: min((tie for each in group for tie in members[each].ties), default="")
        for group in components(members, range(len(members)))
        for at in group
    }
