"""Processes that share hosts never ask more of one, together, than its policy allows."""

from hypothesis import given
from hypothesis import strategies as st

from equigen.downloading.engines.processes import share_out
from equigen.http.limits import HostPolicy

POLICIES = st.dictionaries(
    st.sampled_from(["*", "a.org", "*.org"]),
    st.builds(
        HostPolicy,
        per_minute=st.sampled_from([0, 0, 30]),
        per_day=st.sampled_from([0, 0, 1000]),
        concurrency=st.integers(1, 256),
        spacing_s=st.sampled_from([0, 0, 1.5]),
    ),
)


@given(policies=POLICIES, others=st.integers(0, 64))
def test_the_parts_of_a_concurrency_add_up_to_it(
    policies: dict[str, HostPolicy], others: int
) -> None:
    """Nothing is asked too often, and nothing of what is allowed is lost."""
    here, each = share_out(policies, others)
    assert set(here) == set(each) == set(policies)
    for pattern, policy in policies.items():
        together = here[pattern].concurrency + others * each[pattern].concurrency
        assert together == policy.concurrency
        assert here[pattern].concurrency >= 1


@given(policies=POLICIES, others=st.integers(0, 64))
def test_a_rate_is_kept_in_one_place(policies: dict[str, HostPolicy], others: int) -> None:
    """A host with requests a minute, a day or at a distance is asked by the first alone."""
    here, each = share_out(policies, others)
    for pattern, policy in policies.items():
        if policy.per_minute or policy.per_day or policy.spacing_s:
            assert each[pattern].concurrency == 0
            assert here[pattern] == policy


def test_a_host_too_narrow_to_share_is_asked_by_the_first_alone() -> None:
    """Two at a time can't be shared by three; of many the others get nearly all."""
    here, each = share_out({"a.org": HostPolicy(concurrency=2), "*": HostPolicy(concurrency=32)}, 2)
    assert each["a.org"].concurrency == 0
    assert here["a.org"].concurrency == 2
    assert each["*"].concurrency == 15
    assert here["*"].concurrency == 2
    assert share_out({"*": HostPolicy(concurrency=32)}, 0)[0]["*"].concurrency == 32
