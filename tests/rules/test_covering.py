"""What each wanted cover needs, and that doing it gives every file its picture."""

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equigen.rules.covering import OK, Action, Decision, Wanted, decide

PICTURES = ("p", "q", "r")


@dataclass(frozen=True)
class Known:
    """What the ledger knows of a file, as the rule needs it."""

    path: str
    picture: str
    status: str
    reason: str


def known(*covers: Known) -> dict[str, Known]:
    """Return what the ledger knows, by path."""
    return {cover.path: cover for cover in covers}


def want(path: str, picture: str = "p") -> Wanted:
    """Return a wanted file whose picture can be asked for."""
    return Wanted(path, picture, f"https://a.example/{picture}.jpg")


def decide_one(
    item: Wanted,
    *covers: Known,
    there: tuple[str, ...] = (),
    aside: tuple[str, ...] = (),
    retry_failed: bool = False,
) -> Decision:
    """Decide for one wanted file."""
    (decision,) = decide(
        [item],
        known(*covers),
        is_there=there.__contains__,
        is_aside=aside.__contains__,
        retry_failed=retry_failed,
    )
    return decision


def test_a_new_cover_is_fetched() -> None:
    """What nobody knows of is asked for."""
    assert decide_one(want("Jazz/a.jpg")).action is Action.FETCH


def test_a_good_cover_needs_nothing() -> None:
    """What lies there with the right picture is left alone."""
    cover = Known("Jazz/a.jpg", "p", OK, "")
    assert decide_one(want("Jazz/a.jpg"), cover, there=("Jazz/a.jpg",)).action is Action.NOTHING


def test_a_good_cover_that_somebody_deleted_is_fetched_again() -> None:
    """The ledger's word alone is not a file."""
    cover = Known("Jazz/a.jpg", "p", OK, "")
    assert decide_one(want("Jazz/a.jpg"), cover).action is Action.FETCH


def test_a_cover_whose_picture_changed_is_fetched() -> None:
    """Another picture under the same path is not the one that is wanted."""
    cover = Known("Jazz/a.jpg", "q", OK, "")
    assert decide_one(want("Jazz/a.jpg"), cover, there=("Jazz/a.jpg",)).action is Action.FETCH


@pytest.mark.parametrize("status", ["missing", "refused", "broken"])
def test_settled_covers_are_left_until_they_are_asked_again(status: str) -> None:
    """What the host has not or what is no picture is fetched with `retry_failed` only."""
    cover = Known("Jazz/a.jpg", "p", status, "HTTP 404")
    left = decide_one(want("Jazz/a.jpg"), cover)
    assert (left.action, left.reason) == (Action.LEAVE, "HTTP 404")
    assert decide_one(want("Jazz/a.jpg"), cover, retry_failed=True).action is Action.FETCH


def test_a_settled_cover_of_another_picture_says_nothing() -> None:
    """A new picture under a path that once failed is asked for."""
    cover = Known("Jazz/a.jpg", "q", "missing", "HTTP 404")
    assert decide_one(want("Jazz/a.jpg"), cover).action is Action.FETCH


def test_a_failed_cover_is_always_tried_again() -> None:
    """A failure that may pass is no reason to leave a cover."""
    cover = Known("Jazz/a.jpg", "p", "failed", "HTTP 503")
    assert decide_one(want("Jazz/a.jpg"), cover).action is Action.FETCH


@pytest.mark.parametrize("url", ["", "https://st.discogs.com/", "/relative.jpg", "http://["])
def test_a_placeholder_is_never_fetched(url: str) -> None:
    """A row without a picture is left, and says why, whatever is asked."""
    decision = decide_one(Wanted("Jazz/a.jpg", "", url), retry_failed=True)
    assert (decision.action, decision.reason) == (Action.LEAVE, "no picture")


def test_a_picture_under_another_name_is_moved() -> None:
    """A row that was renamed keeps its picture without asking the host."""
    cover = Known("Jazz/old.jpg", "p", OK, "")
    decision = decide_one(want("Jazz/new.jpg"), cover, there=("Jazz/old.jpg",))
    assert (decision.action, decision.source) == (Action.MOVE, "Jazz/old.jpg")


def test_a_picture_that_two_rows_want_is_copied() -> None:
    """The file of another row is never moved away from it."""
    cover = Known("Jazz/a.jpg", "p", OK, "")
    first, second = decide(
        [want("Jazz/b.jpg"), want("Jazz/a.jpg")],
        known(cover),
        is_there=("Jazz/a.jpg",).__contains__,
        is_aside=().__contains__,
        retry_failed=False,
    )
    assert (first.action, first.source) == (Action.COPY, "Jazz/a.jpg")
    assert second.action is Action.NOTHING


def test_a_picture_that_two_new_names_want_is_moved_once() -> None:
    """The first new name takes the file, the second copies it from there."""
    cover = Known("Jazz/old.jpg", "p", OK, "")
    first, second = decide(
        [want("Jazz/b.jpg"), want("Jazz/c.jpg")],
        known(cover),
        is_there=("Jazz/old.jpg",).__contains__,
        is_aside=().__contains__,
        retry_failed=False,
    )
    assert (first.action, first.source) == (Action.MOVE, "Jazz/old.jpg")
    assert (second.action, second.source) == (Action.COPY, "Jazz/b.jpg")


def test_a_picture_that_is_there_is_brought_even_where_it_once_failed() -> None:
    """A host that lost a picture doesn't matter while a copy lies here."""
    decision = decide_one(
        want("Jazz/a.jpg"),
        Known("Jazz/a.jpg", "p", "missing", "HTTP 404"),
        Known("Jazz/old.jpg", "p", OK, ""),
        there=("Jazz/old.jpg",),
    )
    assert (decision.action, decision.source) == (Action.MOVE, "Jazz/old.jpg")


@pytest.mark.parametrize("retry_failed", [False, True])
def test_a_cover_that_was_set_aside_comes_back(*, retry_failed: bool) -> None:
    """A row that was away and is there again has its file back without asking the host."""
    cover = Known("Jazz/a.jpg", "p", OK, "")
    decision = decide_one(
        want("Jazz/a.jpg"), cover, aside=("Jazz/a.jpg",), retry_failed=retry_failed
    )
    assert (decision.action, decision.source) == (Action.MOVE, "Jazz/a.jpg")


def test_a_picture_set_aside_under_another_name_is_moved() -> None:
    """A row that comes back under a new name has the picture of the old one."""
    cover = Known("Jazz/old.jpg", "p", OK, "")
    decision = decide_one(want("Jazz/new.jpg"), cover, aside=("Jazz/old.jpg",))
    assert (decision.action, decision.source) == (Action.MOVE, "Jazz/old.jpg")


@dataclass(frozen=True)
class Files:
    """Which picture lies under which path, in the images folder and set aside."""

    there: dict[str, str]
    aside: dict[str, str]


@dataclass(frozen=True)
class World:
    """Files, what the ledger knows of them, and what is wanted."""

    files: Files
    covers: dict[str, Known]
    wanted: list[Wanted]

    def decide(self, wanted: list[Wanted], *, retry_failed: bool) -> list[Decision]:
        """Decide for the wanted files."""
        return decide(
            wanted,
            self.covers,
            is_there=self.files.there.__contains__,
            is_aside=self.files.aside.__contains__,
            retry_failed=retry_failed,
        )


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Make a world in which, as in the dataset, a path stands for one picture for ever."""
    paths = [f"Jazz/{picture}{number}.jpg" for picture in PICTURES for number in range(3)]
    files, covers = Files({}, {}), dict[str, Known]()
    for path in draw(st.sets(st.sampled_from(paths))):
        picture = path.removeprefix("Jazz/")[0]
        status = draw(st.sampled_from([OK, OK, "missing", "broken", "failed"]))
        covers[path] = Known(path, picture, status, "" if status == OK else "why")
        where = draw(st.sampled_from([None, files.there, files.aside]))
        if status == OK and where is not None:
            where[path] = picture
    wanted = draw(st.lists(st.sampled_from(paths), unique=True))
    return World(files, covers, [want(path, path.removeprefix("Jazz/")[0]) for path in wanted])


def carry_out(decisions: list[Decision], files: Files) -> dict[str, str]:
    """Do as decided, what is brought first, in order, and then what is fetched."""
    there, aside = dict(files.there), dict(files.aside)
    for decision in decisions:
        if decision.action in {Action.MOVE, Action.COPY}:
            home = there if decision.source in there else aside
            picture = home[decision.source]
            if decision.action is Action.MOVE:
                del home[decision.source]
            there[decision.wanted.path] = picture
    for decision in decisions:
        if decision.action is Action.FETCH:
            there[decision.wanted.path] = decision.wanted.picture
    return there


@given(worlds(), st.booleans())
@settings(max_examples=200, deadline=None)
def test_carried_out_every_cover_shows_its_picture(world: World, retry_failed: bool) -> None:  # noqa: FBT001
    """Done in order, the decisions give each wanted file its picture, unless it is left."""
    decisions = world.decide(world.wanted, retry_failed=retry_failed)
    assert [decision.wanted for decision in decisions] == world.wanted
    files = carry_out(decisions, world.files)
    for decision in decisions:
        path = decision.wanted.path
        if decision.action is Action.LEAVE:
            assert decision.reason
            assert path not in files
        else:
            assert files[path] == decision.wanted.picture


@given(worlds())
@settings(max_examples=150, deadline=None)
def test_no_picture_that_is_there_is_fetched(world: World) -> None:
    """The host is asked for nothing that lies here under any name, nor for a settled cover."""
    here = {*world.files.there.values(), *world.files.aside.values()}
    wanted_paths = {item.path for item in world.wanted}
    for decision in world.decide(world.wanted, retry_failed=False):
        cover = world.covers.get(decision.wanted.path)
        if decision.action is Action.FETCH:
            assert decision.wanted.picture not in here
            assert cover is None or cover.status in {OK, "failed"}
        if decision.action is Action.MOVE and decision.source != decision.wanted.path:
            assert decision.source not in wanted_paths


@given(worlds(), st.lists(st.sampled_from(PICTURES), min_size=9, max_size=9))
@settings(max_examples=150, deadline=None)
def test_a_path_that_changes_its_picture_gives_no_wrong_one(
    world: World, pictures: list[str]
) -> None:
    """What is brought elsewhere is the picture that is wanted there, also where files change."""
    wanted = [want(item.path, new) for item, new in zip(world.wanted, pictures, strict=False)]
    files = carry_out(world.decide(wanted, retry_failed=True), world.files)
    assert {item.path: files[item.path] for item in wanted} == {
        item.path: item.picture for item in wanted
    }
