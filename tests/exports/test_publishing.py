"""Publishing to a Hub: whole, nothing twice, nothing that may not be passed on."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from exported import albums, filled, run_export
from publishing import NAME, changes, content, hub_env, kept, made_export, on_hub, publish
from support import equigen, from_json, listening_socket, make_context, write_rows

from equigen.errors import UsageError
from equigen.exports.hub import publish_to_hub
from equigen.exports.publishing import ExportFile, Publication
from equigen.sandbox.handlers import HANG_UP, Hit, Hook, Reply
from equigen.sandbox.hub import Blob, HubSandbox, Repository

pytest.importorskip("huggingface_hub")


@pytest.mark.parametrize("name", ["webdataset", "imagefolder", "parquet"])
def test_what_is_published_is_the_export(tmp_path: Path, name: str) -> None:
    """One commit has all files; a second run sends nothing and commits nothing."""
    with HubSandbox(page_entries=3) as hub:
        out = made_export(tmp_path / "data", name=name)
        done = publish(hub, tmp_path / "data", "hub", NAME, "--export", out, "--json")
        assert done.returncode == 0, done.stderr
        told = from_json(done.stdout)
        assert on_hub(hub) == content(out)
        assert len(hub.repositories[NAME].commits) == 2
        assert (told["rows_in"], sorted(told["sent"])) == (len(content(out)), sorted(content(out)))
        assert told["place"] == f"{hub.base_url}/datasets/{NAME}"
        assert told["revision"] == hub.repositories[NAME].commits[-1][0]
        assert set(kept(hub).values()) == {1}
        hub.log.clear()
        again = publish(hub, tmp_path / "data", "hub", NAME, "--export", out, "--json")
        assert (again.returncode, from_json(again.stdout)["sent"], changes(hub)) == (0, [], [])


def test_without_an_export_one_is_made_beside_the_dataset(tmp_path: Path) -> None:
    """It is Parquet, and a refresh sends what is new alone."""
    filled(tmp_path / "data", albums(12))
    with HubSandbox() as hub:
        done = publish(hub, tmp_path / "data", "hub", NAME, **folder(tmp_path))
        assert done.returncode == 0, done.stderr
        assert "README.md" in done.stdout or "files sent" in done.stdout
        out = tmp_path / "data-parquet"
        assert on_hub(hub) == content(out)
        filled(tmp_path / "data", albums(16))
        assert publish(hub, tmp_path / "data", "hub", NAME, **folder(tmp_path)).returncode == 0
        assert on_hub(hub) == content(out)
        assert set(kept(hub).values()) == {1}


def test_an_export_with_other_options_is_not_replaced(tmp_path: Path) -> None:
    """Nor by a dry run: it is published by its name, or moved away."""
    filled(tmp_path / "data", albums(6))
    run_export(tmp_path / "data", tmp_path / "data-parquet", "parquet", size=16)
    before = content(tmp_path / "data-parquet")
    with HubSandbox() as hub:
        done = publish(hub, tmp_path / "data", "hub", NAME, "--dry-run", **folder(tmp_path))
    assert done.returncode == 2
    assert "an export that was made with other options is there" in done.stderr
    assert content(tmp_path / "data-parquet") == before


def folder(tmp_path: Path) -> dict[str, str]:
    """Return the setting that names the dataset's folder."""
    return {"EQUIGEN_DATASET__DIRECTORY": str(tmp_path / "data")}


def test_files_that_the_export_no_longer_has_go_with_the_same_commit(tmp_path: Path) -> None:
    """Files of others in the same repository stay."""
    data = tmp_path / "data"
    out = made_export(data, 60, name="imagefolder")
    with HubSandbox() as hub:
        assert publish(hub, data, "hub", NAME, "--export", out).returncode == 0
        repository = hub.repositories[NAME]
        notes = {**repository.commits[-1][1], "notes.md": Blob(b"mine", is_large=False)}
        repository.add(notes)
        before = {*on_hub(hub)}
        filled(data, albums(40))
        run_export(data, out)
        done = publish(hub, data, "hub", NAME, "--export", out, "--json")
        assert done.returncode == 0, done.stderr
        assert on_hub(hub) == {**content(out), "notes.md": b"mine"}
        assert len(repository.commits) == 4
        removed = before - {*content(out)} - {"notes.md"}
        assert from_json(done.stdout)["removed"] == sorted(removed)
        assert len(removed) == 20


def test_a_dry_run_asks_nobody(tmp_path: Path) -> None:
    """Without a token it shows files, bytes and card."""
    out = made_export(tmp_path / "data")
    with HubSandbox() as hub:
        args = ("hub", NAME, "--export", out, "--dry-run")
        done = publish(hub, tmp_path / "data", *args, HF_TOKEN="")
        told = publish(hub, tmp_path / "data", *args, "--json", HF_TOKEN="")
        assert (done.returncode, hub.log) == (0, [])
        card = (out / "README.md").read_text(encoding="utf-8")
        assert card.splitlines()[-2] in done.stdout
        assert "train-000000.tar" in done.stdout
        facts = from_json(told.stdout)
        sizes = {name: len(body) for name, body in content(out).items()}
        assert (facts["card"], facts["files"]) == (card, sizes)
        assert facts["size_bytes"] == sum(sizes.values())


def test_it_is_private_and_gated_before_files_come(tmp_path: Path) -> None:
    """A dataset that was public before becomes private first, too; none becomes public."""
    out = made_export(tmp_path / "data")
    with HubSandbox() as hub:
        for name in (NAME, "covers/old"):
            if name == "covers/old":
                files = hub.repositories[NAME].commits[0][1]
                hub.repositories[name] = Repository()
                hub.repositories[name].add(files)
            hub.log.clear()
            args = ("hub", name, "--export", out, "--private", "--gated")
            assert publish(hub, tmp_path / "data", *args).returncode == 0
            asked = changes(hub)
            settings = max(at for at, each in enumerate(asked) if each == "PUT settings")
            assert settings < min(at for at, each in enumerate(asked) if "preupload" in each)
            assert (hub.repositories[name].private, hub.repositories[name].gated) == (True, "auto")
        done = publish(hub, tmp_path / "data", "hub", NAME, "--export", out)
        assert (done.returncode, hub.repositories[NAME].private) == (0, True)


def every(kind: str, answer: Reply, times: int = 1) -> Hook:
    """Return a hook that gives this answer to the first requests of a kind."""
    left = [times]

    def hook(hit: Hit) -> Reply | None:
        name = "object" if hit.path.startswith("/lfs/") else hit.path
        if kind in f"{hit.method} {name}" and left[0]:
            left[0] -= 1
            return answer
        return None

    return hook


_SOON = Reply(429, {"Retry-After": "0"})
_BROKEN = Reply(503)
_TORN = Reply(HANG_UP, reset=True)
_KINDS = ["object", "commit", "GET /api/datasets", "/tree/", "create", "preupload", "batch"]
_FAULTS = [
    *[("object", each) for each in (_SOON, _BROKEN, _TORN)],
    ("commit", _TORN),
    *[(kind, each) for kind in _KINDS[1:] for each in (_SOON, _BROKEN, _TORN)],
]


@pytest.mark.long_after(4)
@pytest.mark.parametrize(("kind", "answer"), _FAULTS)
def test_faults_are_survived_and_nothing_is_sent_twice(
    tmp_path: Path, kind: str, answer: Reply
) -> None:
    """Whatever was asked is asked again; what was taken isn't."""
    out = made_export(tmp_path / "data")
    with HubSandbox(fault=every(kind, answer, times=2)) as hub:
        done = publish(hub, tmp_path / "data", "hub", NAME, "--export", out)
        assert done.returncode == 0, done.stderr
        assert on_hub(hub) == content(out)
        assert set(kept(hub).values()) == {1}
        assert len(hub.repositories[NAME].commits) == 2


@pytest.mark.long_after(1)
@pytest.mark.parametrize("kind", ["commit", "object", "create"])
def test_an_answer_that_is_lost_leads_to_no_second_one(tmp_path: Path, kind: str) -> None:
    """The dataset was made, the file taken, the commit done: that is seen."""
    out = made_export(tmp_path / "data")
    with HubSandbox() as hub:
        hub.hook = every(kind, _TORN)
        done = publish(hub, tmp_path / "data", "hub", NAME, "--export", out)
        assert done.returncode == 0, done.stderr
        assert on_hub(hub) == content(out)
        assert set(kept(hub).values()) == {1}
        assert len(hub.repositories[NAME].commits) == 2


def test_a_long_pause_is_left_for_another_run(tmp_path: Path) -> None:
    """A Hub that asks for an hour gets it: the code says that something is left."""
    out = made_export(tmp_path / "data")
    with HubSandbox(fault=every("object", Reply(429, {"Retry-After": "3600"}), times=9)) as hub:
        done = publish(hub, tmp_path / "data", "hub", NAME, "--export", out)
        assert done.returncode == 3
        assert "3,600 s" in done.stderr
        hub.fault = None
        assert publish(hub, tmp_path / "data", "hub", NAME, "--export", out).returncode == 0
        assert set(kept(hub).values()) == {1}


@pytest.mark.parametrize(
    ("name", "env", "code", "says"),
    [
        (NAME, {"HF_TOKEN": "hf_wrong"}, 2, "authentication failed (401): check HF_TOKEN"),
        (NAME, {"HF_TOKEN": ""}, 2, "there is no token"),
        ("others/albums", {}, 2, "no permission to write there (403)"),
        ("covers/foreign", {}, 2, "files that EquiGen didn't publish, such as mine.txt"),
        ("albums", {}, 2, "expected ORG/NAME"),
        ("covers/a/b", {}, 2, "expected ORG/NAME"),
        ("covers/../b", {}, 2, "expected ORG/NAME"),
        (NAME, {"HF_ENDPOINT": "http://127.0.0.1:9"}, 1, "no answer"),
        (NAME, {"HF_ENDPOINT": "http://hub.example"}, 2, "HF_ENDPOINT: expected https://"),
        (NAME, {"HF_HUB_OFFLINE": "1"}, 2, "HF_HUB_OFFLINE is set"),
    ],
)
def test_refusals_say_what_to_do(
    tmp_path: Path, name: str, env: dict[str, str], code: int, says: str
) -> None:
    """One line, and nothing is changed on the Hub."""
    out = made_export(tmp_path / "data")
    with HubSandbox() as hub:
        foreign = hub.repositories["covers/foreign"] = Repository()
        foreign.add({"mine.txt": Blob(b"mine", is_large=False)})
        others = hub.repositories["others/albums"] = Repository()
        others.add({})
        done = publish(hub, tmp_path / "data", "hub", name, "--export", out, **env)
        assert (done.returncode, says in done.stderr) == (code, True), done.stderr
        assert "Traceback" not in done.stderr
        assert not kept(hub)
        assert [len(each.commits) for each in hub.repositories.values()] == [1, 1]


def test_a_hub_that_says_nothing_is_given_up(tmp_path: Path) -> None:
    """After the time that the settings give."""
    out = made_export(tmp_path / "data")
    with HubSandbox() as hub, listening_socket() as silent:
        env = {
            "HF_ENDPOINT": f"http://127.0.0.1:{silent.getsockname()[1]}",
            "EQUIGEN_HTTP__READ_TIMEOUT_S": "0.2",
            "EQUIGEN_HTTP__TRIES": "2",
        }
        done = publish(hub, tmp_path / "data", "hub", NAME, "--export", out, **env)
        assert (done.returncode, "no answer" in done.stderr) == (1, True), done.stderr


def test_what_is_for_private_use_is_never_sent(tmp_path: Path) -> None:
    """By its list, its card, its sources, or where the list doesn't say."""
    data = tmp_path / "data"
    filled(data, albums(8, album_id="discogs:m1", image_url="https://i.discogs.com/a.jpg"))
    run_export(data, tmp_path / "mine", private_use=True)
    out = made_export(tmp_path / "free")
    listed = from_json((out / "export.json").read_text(encoding="utf-8"))
    card = (out / "README.md").read_bytes()
    with HubSandbox() as hub:
        done = publish(hub, data, "hub", NAME, "--export", tmp_path / "mine")
        assert (done.returncode, hub.log) == (2, []), done.stderr
        assert "for private use alone" in done.stderr
        assert "Export without --private-use" in done.stderr
        dry = publish(hub, data, "hub", NAME, "--export", tmp_path / "mine", "--dry-run")
        assert dry.returncode == 2
        for change in ({"private": {"discogs": 1}}, {"private": None}, {"sources": {"spotify": 1}}):
            (out / "export.json").write_text(json.dumps({**listed, **change}), encoding="utf-8")
            done = publish(hub, data, "hub", NAME, "--export", out)
            assert (done.returncode, hub.log) == (2, []), done.stderr
        changed = card + b"\n**For private use alone**: 1 cover\n"
        (out / "README.md").write_bytes(changed)
        records = [
            {**each, "sha256": "", "size_bytes": len(changed)}
            if each["name"] == "README.md"
            else each
            for each in listed["pieces"]
        ]
        (out / "export.json").write_text(
            json.dumps({**listed, "pieces": records}), encoding="utf-8"
        )
        done = publish(hub, data, "hub", NAME, "--export", out)
        assert (done.returncode, "for private use alone" in done.stderr) == (2, True), done.stderr


def test_what_is_not_the_export_is_never_sent(tmp_path: Path) -> None:
    """A file that was changed, is gone, is a link, or was put there; and what is no export."""
    data, out = tmp_path / "data", made_export(tmp_path / "data", name="imagefolder")
    secret = tmp_path / "secret.txt"
    secret.write_text("mine", encoding="utf-8")
    cover = next((out / "train/Jazz").iterdir())
    body = cover.read_bytes()
    with HubSandbox() as hub:

        def refused(says: str, export: Path = out) -> None:
            done = publish(hub, data, "hub", NAME, "--export", export)
            assert (done.returncode > 0, hub.log) == (True, [])
            assert says in done.stderr, done.stderr

        cover.unlink()
        refused("a file of the export is gone")
        cover.write_bytes(bytes(len(body)))
        refused("it was changed since the export was made")
        cover.unlink()
        cover.symlink_to(secret)
        refused("link")
        cover.unlink()
        cover.write_bytes(body)
        (out / "train/Jazz/secret.txt").write_text("mine", encoding="utf-8")
        refused("files that the export didn't put there, such as train/Jazz/secret.txt")
        small = tmp_path / "small"
        run_export(data, small, "imagefolder", size=16)
        cover = next((small / "train/Jazz").iterdir())
        cover.write_bytes(bytes(cover.stat().st_size))
        refused("it was changed since the export was made", small)
        refused("no export of EquiGen's is there", data)
        refused("no export of EquiGen's is there", tmp_path / "nowhere")


def test_wrong_flags(tmp_path: Path) -> None:
    """They are told before anything is made or asked."""
    write_rows(tmp_path / "data/equigen_dataset.tsv")
    with HubSandbox() as hub:
        for args, says in (
            (("somewhere",), "or `hub ORG/NAME`"),
            (("hub",), "expected ORG/NAME"),
            (("hub", NAME, "--export", "x", "--format", "parquet"), "--format"),
            (("hub", NAME, "--format", "table"), "--format table: this is a file"),
            (("hub", NAME, "--format", "nothing"), "no format 'nothing'"),
        ):
            done = publish(hub, tmp_path / "data", *args)
            assert (done.returncode, says in done.stderr) == (2, True), done.stderr
        assert hub.log == []


def test_too_many_files_for_a_commit(tmp_path: Path) -> None:
    """The Hub takes 25,000; shards are the way."""
    file = ExportFile("1.jpg", tmp_path / "1.jpg", 0, "")
    many = Publication(tmp_path, {f"{at}.jpg": file for at in range(25_001)}, "")
    with pytest.raises(UsageError, match=r"25,001 files; the Hub takes 25,000 in a commit"):
        publish_to_hub(make_context(tmp_path), many, NAME, private=False, gated=False)


def test_without_the_extra_it_is_named(tmp_path: Path) -> None:
    """Where huggingface_hub isn't installed, the line says what to install."""
    out = made_export(tmp_path / "data")
    (tmp_path / "none/huggingface_hub").mkdir(parents=True)
    (tmp_path / "none/huggingface_hub/__init__.py").write_text(
        "raise ImportError('gone', name='huggingface_hub')\n", encoding="utf-8"
    )
    with HubSandbox() as hub:
        env = hub_env(hub, tmp_path, PYTHONPATH=str(tmp_path / "none"))
        args = ("publish", "hub", NAME, "--export", out)
        done = equigen(*args, cwd=tmp_path, env=env)
        assert (done.returncode, "pip install 'equigen[hub]'" in done.stderr) == (2, True)


def test_the_sandbox_is_a_hub_to_try_it_by_hand(tmp_path: Path) -> None:
    """It prints the variables with which `publish` finds it."""
    out = made_export(tmp_path / "data")
    with subprocess.Popen(
        [sys.executable, "-m", "equigen.sandbox", "--hub"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().strip() for _ in range(3)]
        env = dict(line.split("=", 1) for line in lines) | {"HF_HOME": str(tmp_path / "hf_home")}
        done = equigen("publish", "hub", NAME, "--export", out, cwd=tmp_path, env=env)
        process.terminate()
    assert done.returncode == 0, done.stderr
    assert f"{env['HF_ENDPOINT']}/datasets/{NAME}" in done.stdout
