"""What the benchmarks decide: whose process it is, whose time, which ratio."""

from io import BytesIO

import numpy as np
import pytest
from audit import Found, found
from bench.cases import CASES
from bench.ceilings import both
from bench.environment import clean
from bench.measure import Measurement
from bench.one_rival_deal import farthest
from bench.pictures import Recipe, draw
from bench.processes import descendants, pss_of
from bench.report import BEGIN, END, MARKS, fill, ratio
from bench.rival import PROCESSES
from pair_search import search_once
from PIL import Image


def test_a_process_tree_is_the_process_and_all_below_it() -> None:
    """Grandchildren count, strangers don't."""
    parents = {1: 0, 10: 1, 11: 10, 12: 11, 13: 10, 20: 1}
    assert sorted(descendants(10, parents)) == [10, 11, 12, 13]


def test_memory_is_read_from_the_rollup() -> None:
    """Of the many lines two count, in MiB."""
    rollup = "5581-7ffd [rollup]\nRss: 2048 kB\nPss: 1024 kB\nPss_Anon: 512 kB\n"
    memory = pss_of(rollup)
    assert (memory.rss_mib, memory.pss_mib) == (2.0, 1.0)


def test_tools_get_nothing_of_the_users_environment_that_could_decide() -> None:
    """Proxies, certificates and settings stay out, the rest stays."""
    given = {"PATH": "/bin", "https_proxy": "x", "EQUIGEN_HTTP__TRIES": "1", "SSL_CERT_FILE": "x"}
    assert clean(given) == {"PATH": "/bin"}


def test_the_ratio_is_the_median_of_each_rounds_own() -> None:
    """A round in which the machine was slow for both counts as any other."""
    ours = [Measurement(wall_s, 0, 0, 0) for wall_s in (1, 10, 2)]
    theirs = [Measurement(wall_s, 0, 0, 0) for wall_s in (2, 30, 8)]
    assert ratio(ours, theirs) == 3


def test_a_report_replaces_the_one_before_it() -> None:
    """What stands around the marks stays."""
    once = fill(f"above\n{BEGIN}\nold\n{END}\nbelow", "new")
    assert once == f"above\n{BEGIN}\n\nnew\n{END}\nbelow"
    assert fill(once, "new") == once


def test_each_script_has_marks_of_its_own() -> None:
    """One script's figures leave those of another alone."""
    begin, end = (mark.format("one.py") for mark in MARKS)
    document = f"{BEGIN}\nkept\n{END}\n{begin}\nold\n{end}\n"
    filled = fill(document, "new", script="one.py")
    assert filled == f"{BEGIN}\nkept\n{END}\n{begin}\n\nnew\n{end}\n"


def test_the_search_finds_the_copies_that_were_planted() -> None:
    """Nearly all of them, and next to nothing else."""
    found = search_once(3_000)
    assert found.planted == 300
    assert 297 <= found.found <= 300
    assert found.near < 600


def test_shares_are_as_far_off_as_the_worst_label() -> None:
    """Of label 1 half is in train, which should be 70 percent: 20 points."""
    labels = np.repeat([0, 1], [100, 20])
    sets = np.repeat([0, 1, 2, 0, 1, 2], [70, 15, 15, 10, 5, 5])
    assert farthest(labels, sets) == pytest.approx(20)


def test_two_works_on_the_same_processors_take_the_sum_of_their_times() -> None:
    """A thousand a second each is five hundred of both."""
    assert both(1000, 1000) == 500


def test_pictures_are_the_same_each_time_and_as_large_as_they_should_be() -> None:
    """A number and a recipe make one picture."""
    recipe = Recipe(size_px=600)
    data = draw(7, recipe)
    assert data == draw(7, recipe) != draw(8, recipe)
    assert recipe.least_bytes <= len(data) <= recipe.most_bytes
    with Image.open(BytesIO(data)) as image:
        assert image.size == (600, 600)


def test_where_answers_are_slow_all_have_as_many_connections() -> None:
    """The number of connections decides there; nobody wins by having more."""
    slow = next(case for case in CASES if case.name == "slow")
    assert {PROCESSES * rival.pace.threads for rival in slow.rivals} == {slow.concurrency}


def test_planted_copies_are_counted_by_their_numbers() -> None:
    """A copy counts where it is named with the cover before it, any other company is wrong."""
    groups = [["a/000018.jpg", "000019.jpg"], ["000039.jpg", "000037.jpg"], ["000038.jpg"]]
    assert found(groups, 60) == Found(copies=1, planted=3, wrong=1)
