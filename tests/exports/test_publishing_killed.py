"""Publications that are killed: the old one is there or the new one, and nothing is sent twice."""

import signal
from pathlib import Path

import pytest
from exported import albums, filled, run_export
from forks import Forks
from kills import Case, kill_often
from publishing import NAME, content, hub_env, kept, on_hub

from equigen.sandbox.hub import HubSandbox

pytest.importorskip("huggingface_hub")


@pytest.mark.wider
@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    ("number", "kills"), [(signal.SIGKILL, 20), (signal.SIGTERM, 6)], ids=["SIGKILL", "SIGTERM"]
)
@pytest.mark.parametrize("is_refresh", [True, False])
def test_killed_at_any_moment(
    tmp_path: Path, forks: Forks, number: int, kills: int, *, is_refresh: bool
) -> None:
    """The Hub takes each file once, however often the run is killed."""
    data, out, old = tmp_path / "data", tmp_path / "out", tmp_path / "old"
    filled(data, albums(60))
    run_export(data, old)
    filled(data, albums(80, first=20))
    run_export(data, out)
    with HubSandbox() as hub:
        env = hub_env(hub, tmp_path)
        args = ("publish", "hub", NAME, "--export")

        def nothing() -> None:
            """Do nothing: this run isn't killed."""

        Case(data, (*args, str(old)), nothing, nothing, nothing, settings=env).finish(forks)
        (repository,), objects = hub.repositories.values(), dict(hub.objects)
        allowed = [content(out), content(old)] if is_refresh else [content(out), {}]

        def restore() -> None:
            hub.repositories.clear()
            hub.objects = {}
            if is_refresh:
                hub.repositories[NAME] = repository
                del repository.commits[2:]
                hub.objects.update(objects)
            hub.log.clear()

        def check() -> None:
            assert not hub.repositories or on_hub(hub) in allowed

        def compare() -> None:
            assert on_hub(hub) == allowed[0]
            assert set(kept(hub).values()) == {1}
            assert len(hub.repositories[NAME].commits) == 2 + is_refresh

        case = Case(data, (*args, str(out)), restore, check, compare, settings=env)
        kill_often(forks, case, kills=kills, seed=20, number=number)
