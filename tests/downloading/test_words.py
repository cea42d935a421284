"""What a process that fetches is told, as it understands it."""

from pathlib import Path

from equigen.downloading.engines.protocol import Setup, read_setup, setup_line
from equigen.downloading.jobs import Making
from equigen.http.limits import HostPolicy, Patience
from equigen.images.rendering import Check, Demands, Rendering


def test_a_process_keeps_all_limits_that_it_is_told() -> None:
    """A line of words becomes the setup that it was made of; headers stay behind."""
    demands = Demands(2, 1000, Check.FULL, frozenset({"0" * 64}))
    making = Making(demands, (Rendering(),), (Path("images"),), 1000, "run")
    policies = {
        "a.org": HostPolicy(per_minute=3, per_day=4, concurrency=5, spacing_s=1.5),
        "*": HostPolicy(),
    }
    setup = Setup(
        policies, "T/1", Patience(tries=2), making, threads=7, talkative=True, secrets=("x",)
    )
    assert read_setup(setup_line(setup)) == setup
