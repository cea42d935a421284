"""How results look on a terminal."""

from hypothesis import given
from hypothesis import strategies as st

from equigen.summary import Table
from equigen.terminal import aligned

TABLE = Table(
    ("genre", "1950s", "1960s", "total"),
    (("Jazz", 1, 12_345, 12_346), ("Rhythm & Blues", 0, 7, 7)),
)


def test_text_stands_left_and_numbers_right() -> None:
    """Thousands are grouped; without a width, each row is one line."""
    assert aligned(TABLE).splitlines() == [
        "genre           1950s   1960s   total",
        "Jazz                1  12,345  12,346",
        "Rhythm & Blues      0       7       7",
    ]


def test_a_table_that_is_too_wide_is_folded() -> None:
    """What doesn't fit follows below, behind the first column again."""
    assert aligned(TABLE, width=30).splitlines() == [
        "genre           1950s   1960s",
        "Jazz                1  12,345",
        "Rhythm & Blues      0       7",
        "",
        "genre            total",
        "Jazz            12,346",
        "Rhythm & Blues       7",
    ]


@given(st.lists(st.text("x", min_size=1, max_size=12), min_size=1, max_size=20), st.integers(0, 60))
def test_a_folded_table_has_every_column_once(names: list[str], width: int) -> None:
    """And no line is longer than asked, unless two columns alone are."""
    heads = tuple(f"{name}{at}" for at, name in enumerate(names))
    text = aligned(Table(heads, (tuple("v" for _ in heads),)), width=width)
    blocks = [block.splitlines()[0].split() for block in text.split("\n\n")]
    assert [head for block in blocks for head in block[1:]] == list(heads[1:])
    assert {block[0] for block in blocks} == {heads[0]}
    longest = max(map(len, text.splitlines()))
    assert not width or longest <= width or any(len(block) <= 2 for block in blocks)
