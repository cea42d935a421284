"""Jobs that wait: none is lost, none is given twice, in the order that was promised."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from equigen.downloading.jobs import Job
from equigen.downloading.queue import JobQueues
from equigen.errors import StorageError
from equigen.storage.below import FileBelow


def job(path: str, host: str = "a.org") -> Job:
    """Return a job."""
    return Job(0, path, f"picture of {path}", f"http://{host}/{path}", host)


def test_jobs_come_back_as_they_went_in(tmp_path: Path) -> None:
    """With all their fields, whatever letters are in them."""
    names = [
        "a.jpg",
        "Björk/Ünï \u2028 \U0001f3b5.jpg",
        'quo"te\\.jpg',
        "half \udc80.jpg",
        "tab\tline\n",
    ]
    with JobQueues(tmp_path) as queues:
        went_in = []
        for name in names:
            one = job(name)
            one.etag, one.sha256, one.source = '"x"', "ab", FileBelow(tmp_path, "x/y.jpg")
            queues.add(one)
            went_in.append(one)
        assert [queues.take("a.org") for _ in names] == went_in
    assert list(tmp_path.iterdir()) == [], "what waited leaves nothing behind"


def test_those_never_tried_go_first(tmp_path: Path) -> None:
    """What came back goes before all, then what is new, then what failed before."""
    with JobQueues(tmp_path) as queues:
        queues.add(job("tried"), tried_before=True)
        queues.add(job("new"))
        queues.add(job("newer"))
        first = queues.take("a.org")
        queues.give_back(first)
        assert [queues.take("a.org").path for _ in range(3)] == ["new", "newer", "tried"]
        with pytest.raises(IndexError):
            queues.take("a.org")


def test_hosts_wait_apart(tmp_path: Path) -> None:
    """Each has its own queue and count."""
    with JobQueues(tmp_path) as queues:
        for n in range(6):
            queues.add(job(str(n), host=f"{n % 2}.org"))
        assert queues.counts() == {"0.org": 3, "1.org": 3}
        assert [queues.take("1.org").path for _ in range(3)] == ["1", "3", "5"]
        assert (len(queues), queues.count("1.org"), queues.count("2.org")) == (3, 0, 0)
        assert [one.path for one in queues.take_all()] == ["0", "2", "4"]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from(["a", "b"]), st.booleans()),
        st.tuples(st.just("take"), st.sampled_from(["a", "b"]), st.booleans()),
    ),
    max_size=60,
)


@given(steps=STEPS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_job_is_lost_or_given_twice(tmp_path: Path, steps: list[tuple[str, str, bool]]) -> None:
    """However adding, taking and giving back are mixed."""
    waiting: set[str] = set()
    with JobQueues(tmp_path) as queues:
        for number, (step, host, flag) in enumerate(steps):
            if step == "add":
                queues.add(job(str(number), host), tried_before=flag)
                waiting.add(str(number))
            elif queues.count(host):
                taken = queues.take(host)
                assert taken.path in waiting
                assert taken.host == host
                if flag:
                    queues.give_back(taken)
                else:
                    waiting.remove(taken.path)
        assert len(queues) == len(waiting)
        assert {one.path for one in queues.take_all()} == waiting


def test_a_folder_that_can_not_be_written_is_told(tmp_path: Path) -> None:
    """Before anything is fetched."""
    with pytest.raises(StorageError, match="nowhere"):
        JobQueues(tmp_path / "nowhere")
