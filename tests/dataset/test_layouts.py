"""What must change for the files on disk to show the sets."""

from hypothesis import given
from hypothesis import strategies as st
from support import examples

from equigen.dataset.layouts import Changes, Place, changes
from equigen.schema import SETS

PATHS = st.sampled_from([f"{genre}/{name}.jpg" for genre in ("Jazz", "Pop") for name in "abcd"])
PLACES = st.builds(Place, st.sampled_from(SETS), PATHS)


@given(
    wanted=st.dictionaries(PATHS, st.sampled_from(SETS)),
    there=st.sets(PLACES),
    stale=st.sets(PLACES),
)
@examples(200)
def test_carried_out_the_sets_are_as_wanted(
    wanted: dict[str, str], there: set[Place], stale: set[Place]
) -> None:
    """From any start, the removals and then the additions lead to exactly the wanted sets."""
    todo = changes(wanted, there, stale=stale)
    files = {place: "old" if place in stale else "new" for place in there}
    for place in todo.remove:
        del files[place]
    paths = [place.path for place in files]
    assert len(set(paths)) == len(paths)
    for place in todo.add:
        assert place not in files
        assert place.path not in {there.path for there in files}
        files[place] = "new"
    assert files == {Place(set_name, path): "new" for path, set_name in wanted.items()}


@given(
    wanted=st.dictionaries(PATHS, st.sampled_from(SETS)),
    there=st.sets(PLACES),
    stale=st.sets(PLACES),
)
@examples(100)
def test_nothing_is_touched_in_vain(
    wanted: dict[str, str], there: set[Place], stale: set[Place]
) -> None:
    """A file that is right stays, and no more is named than needs doing, in path order."""
    todo = changes(wanted, there, stale=stale)
    right = {place for place in there - stale if wanted.get(place.path) == place.set_name}
    assert not right & {*todo.remove, *todo.add}
    assert list(todo.remove) == sorted(set(todo.remove))
    assert list(todo.add) == sorted(set(todo.add))


def test_sets_that_are_right_need_no_changes() -> None:
    """Splitting again changes nothing."""
    there = [Place("train", "Jazz/a.jpg"), Place("test", "Jazz/b.jpg")]
    wanted = {"Jazz/a.jpg": "train", "Jazz/b.jpg": "test"}
    assert changes(wanted, there, stale=[]) == Changes(remove=(), add=())


def test_a_file_that_changes_its_set_leaves_the_old_one() -> None:
    """A moved album is taken out of one set and put into the other."""
    todo = changes({"Jazz/a.jpg": "val"}, [Place("train", "Jazz/a.jpg")], stale=[])
    expected = Changes((Place("train", "Jazz/a.jpg"),), (Place("val", "Jazz/a.jpg"),))
    assert todo == expected


def test_a_stale_file_is_put_in_anew() -> None:
    """A picture that was fetched again replaces the old one in its set."""
    place = Place("train", "Jazz/a.jpg")
    assert changes({"Jazz/a.jpg": "train"}, [place], stale=[place]) == Changes((place,), (place,))
