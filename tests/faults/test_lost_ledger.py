"""A ledger that is gone, while the covers that it knew are there."""

from pathlib import Path

import pytest
from downloads import JPEG, finish, rows_of
from support import Script, ScriptedServer, equigen, sandbox_env


@pytest.mark.parametrize("command", ["download", "fetch", "run"])
def test_covers_without_a_ledger_are_not_fetched_again(tmp_path: Path, command: str) -> None:
    """Whoever lost the ledger is told to repair it, before anybody is asked for anything."""
    with ScriptedServer(Script(body=JPEG)) as server:
        rows_of(tmp_path, f"{server.url}/a.jpg")
        finish(tmp_path)
        for file in tmp_path.glob("equigen_ledger.sqlite*"):
            file.unlink()
        env = {"EQUIGEN_DATASET__DIRECTORY": str(tmp_path)}
        env |= sandbox_env(server.url)
        refused = equigen(command, cwd=tmp_path, env=env)
        assert refused.returncode == 1
        assert "equigen repair" in refused.stderr
        assert len(refused.stderr.splitlines()) == 1
        assert not (tmp_path / "equigen_ledger.sqlite").exists()
        assert equigen("repair", cwd=tmp_path, env=env).returncode == 0
        assert equigen("download", cwd=tmp_path, env=env).returncode == 0
    assert len(server.seen) == 1
