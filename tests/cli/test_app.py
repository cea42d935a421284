"""The command line as a user meets it: in a process of its own."""

import json
import re
import shlex
import signal
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
import typer
from support import (
    NOON,
    ROOT,
    Script,
    ScriptedServer,
    equigen,
    from_json,
    on_a_terminal,
    posix_only,
    program_env,
    sandbox_env,
    write_rows,
)

from equigen.cli import app
from equigen.plugins import find_commands
from equigen.sandbox.catalogue import make_catalogue
from equigen.sandbox.server import Sandbox
from equigen.storage.lock import dataset_lock

COMMANDS = [
    "init",
    "trust",
    "dumps",
    "fetch",
    "import",
    "clean",
    "dedupe",
    "labels",
    "counts",
    "rate",
    "select",
    "balance",
    "download",
    "features",
    "split",
    "export",
    "publish",
    "report",
    "recipe",
    "audit",
    "run",
    "status",
    "repair",
    "demo",
]
SMALL = {"EQUIGEN_FETCH__GENRE_LIMIT": "4", "EQUIGEN_FETCH__WORLD_LIMIT": "2"}


def test_help_lists_all_commands_within_80_columns(tmp_path: Path) -> None:
    """In the order in which one uses them, each with a whole sentence."""
    done = equigen("--help", cwd=tmp_path)
    assert done.returncode == 0
    assert max(map(len, done.stdout.splitlines())) <= 80
    listed = done.stdout.partition("Commands:")[2].split("\n\n")[0].strip().splitlines()
    assert [line.split()[0] for line in listed] == COMMANDS
    assert not any(line.endswith("...") for line in listed)
    assert len(done.stdout.splitlines()) <= 40


@pytest.mark.long_after(5)
@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help_with_an_example(tmp_path: Path, command: str) -> None:
    """`--help` fits a small window and shows how to use it."""
    done = equigen(command, "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert f"\n    equigen {command}" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert len(done.stdout.splitlines()) <= 40
    for flag in ("--config", "--quiet", "--verbose", "--json"):
        assert flag in done.stdout


def test_examples_of_the_help_have_flags_that_there_are() -> None:
    """Each is parsed as the command line parses it; `--help` then keeps it from being run."""
    commands = find_commands()
    for name, plugin in commands.items():
        examples = re.findall(r"^  equigen (.+)$", plugin.load().__doc__ or "", re.MULTILINE)
        assert examples, name
        for example in examples:
            command, *args = shlex.split(example, comments=True)
            with pytest.raises(typer.Exit) as ended:
                app.command_of(commands[command]).make_context(command, [*args, "--help"])
            assert ended.value.exit_code == 0, example


def test_help_all_describes_each_setting_with_its_default(tmp_path: Path) -> None:
    """What `--help` names in short is told in full, no description is cut."""
    short = equigen("download", "--help", cwd=tmp_path).stdout
    whole = equigen("download", "--help-all", cwd=tmp_path).stdout
    assert "--fit crop|pad|inside|stretch [crop]" in short
    assert short.endswith("Described in full: equigen download --help-all\n")
    told = " ".join(whole.split())
    assert "crop, pad, inside or stretch: how a size is reached [download.fit = crop]" in told
    assert " ..." not in whole


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("equigen sp", {"split"}),
        ("equigen fetch --source d", {"discogs", "discogs-dump"}),
        ("equigen run --label Ja", {"Jazz"}),
        ("equigen download --fit ", {"crop", "pad", "inside", "stretch"}),
        ("equigen split --group ", {"artist+cover", "artist", "cover", "none"}),
        ("equigen fetch --taxonomy mumu", {"mumu-12", "mumu-16"}),
        ("equigen export p", {"parquet"}),
        ("equigen features compute h", {"histogram"}),
        ("equigen counts --by st", {"style"}),
    ],
)
def test_shells_complete_names(tmp_path: Path, words: str, expected: set[str]) -> None:
    """Sources, labels, taxonomies, formats, features and choices, besides commands and flags."""
    env = program_env() | {
        "_EQUIGEN_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
    }
    way = [sys.executable, "-m", "equigen"]
    said = subprocess.check_output(way, cwd=tmp_path, env=env, text=True)
    assert set(said.split()) == expected


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ("fetch --json --yeer", "no such option: --yeer"),
        ("--json counts", "no such file"),
        ("download --limit x --json", "invalid value for '--limit': expected a whole number."),
        ("download --fit fill --json", "--fit: expected 'crop', 'pad', 'inside' or 'stretch'"),
        ("--json ftch", "no such command 'ftch'. Did you mean 'fetch'?"),
    ],
)
def test_with_json_an_error_is_json_too(tmp_path: Path, args: str, expected: str) -> None:
    """On standard output, with the exit code; people read the same on standard error."""
    done = equigen(*args.split(), cwd=tmp_path)
    told = json.loads(done.stdout)
    assert told["exit_code"] == done.returncode == 2
    assert expected in told["error"]
    (line,) = done.stderr.splitlines()
    assert line == f"equigen {told['stage']}".rstrip() + f": {told['error']}"


def test_help_loads_nothing_heavy() -> None:
    """The list of commands imports none of them, nor what they are made of."""
    code = (
        "import sys; sys.argv = ['equigen', '--help']\n"
        "from equigen.cli.app import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'pandas', 'numpy', 'PIL', 'requests', 'pydantic', 'splitfolders', 'tqdm',\n"
        "         'matplotlib', 'jinja2'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_a_stage_that_looks_at_no_picture_loads_nothing_that_does() -> None:
    """What --covers and --export need is loaded when they are given."""
    stages = ("dumps", "fetch", "clean", "dedupe", "balance", "download", "status")
    code = (
        f"import sys, {', '.join(f'equigen.commands.{stage}' for stage in stages)}\n"
        "print(sorted({'pandas', 'numpy', 'PIL', 'cv2'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(("set_to", "expected"), [("", "1"), ("3", "3")])
def test_numpy_is_told_to_use_one_thread(set_to: str, expected: str) -> None:
    """In time, before it is loaded; what the user says of it holds."""
    code = (
        "import equigen.__main__, os, sys\n"
        "print(os.environ['OPENBLAS_NUM_THREADS'], 'numpy' in sys.modules)"
    )
    env = program_env(**({"OPENBLAS_NUM_THREADS": set_to} if set_to else {}))
    if not set_to:
        env.pop("OPENBLAS_NUM_THREADS", None)
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == [expected, "False"]


def test_every_command_is_a_file(tmp_path: Path) -> None:
    """Commands are found by file name: one file each."""
    names = {file.stem.rstrip("_") for file in (ROOT / "equigen" / "commands").glob("[!_]*.py")}
    assert names == set(COMMANDS) == {*find_commands()}


def test_version_and_completion(tmp_path: Path) -> None:
    """--version tells it; shell completion can be had."""
    assert equigen("--version", cwd=tmp_path).stdout.startswith("equigen ")
    env = {"_EQUIGEN_COMPLETE": "complete_bash", "COMP_WORDS": "equigen do", "COMP_CWORD": "1"}
    assert "download" in equigen(cwd=tmp_path, env=env).stdout


def test_a_wrong_command_or_flag_is_wrong_usage(tmp_path: Path) -> None:
    """Exit 2, and a suggestion."""
    done = equigen("donwload", cwd=tmp_path)
    assert done.returncode == 2
    assert "download" in done.stderr
    assert equigen("fetch", "--nonsense", cwd=tmp_path).returncode == 2


CONFIGS = {
    "an unknown key": ("[fetch]\ngenre_limitt = 3\n", "genre_limitt"),
    "a wrong type": ('[fetch]\ngenre_limit = "many"\n', "whole number"),
    "ratios that don't add up": ("[split]\nratio = [0.7, 0.2, 0.2]\n", "add up to 1"),
    "no TOML": ("[fetch\n", "TOML"),
    "not UTF-8": ("[fetch]\n# \udcff\n", "UTF-8"),
}


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
def test_a_wrong_setting_is_one_line_and_exit_2(tmp_path: Path, config: tuple[str, str]) -> None:
    """The line names the file, the key and what was expected."""
    text, word = config
    (tmp_path / "config.toml").write_text(text, errors="surrogateescape")
    done = equigen("status", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "config.toml" in done.stderr
    assert word in done.stderr


@pytest.mark.long
def test_settings_come_in_layers(tmp_path: Path) -> None:
    """Flags win over the environment, that over .env, that over config.toml, that over defaults."""
    with Sandbox(make_catalogue(albums_per_label=8)) as sandbox:
        (tmp_path / "config.toml").write_text(
            '[fetch]\ngenre_limit = 1\nlabels = ["Jazz"]\n[dataset]\ndirectory = "here"\n'
        )
        base = sandbox_env(sandbox.base_url, EQUIGEN_TRUST="1")

        def jazz(*flags: str, env: dict[str, str]) -> int:
            done = equigen("fetch", "--json", *flags, cwd=tmp_path, env=base | env)
            assert done.returncode == 0, done.stderr
            (query,) = from_json(done.stdout)["queries"]
            return int(query["limit"])

        assert jazz(env={}) == 1
        (tmp_path / ".env").write_text("EQUIGEN_FETCH__GENRE_LIMIT=2\n")
        assert jazz(env={}) == 2
        assert jazz(env={"EQUIGEN_FETCH__GENRE_LIMIT": "3"}) == 3
        assert jazz("--genre-limit", "4", env={"EQUIGEN_FETCH__GENRE_LIMIT": "3"}) == 4
    assert (tmp_path / "here" / "equigen_dataset.tsv").exists()


@pytest.mark.long
def test_relative_folders_start_at_the_config_file(tmp_path: Path) -> None:
    """From cron, with --config alone, the dataset is found whatever the working directory."""
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "config.toml").write_text("")
    write_rows(tmp_path / "set" / "data" / "equigen_dataset.tsv", {"artist": "A", "genre": "Jazz"})
    done = equigen("--config", "set/config.toml", "counts", "--json", cwd=tmp_path)
    assert from_json(done.stdout)["counts"] == {"Jazz": 1}
    done = equigen("counts", "--json", "--config", "set/config.toml", cwd=tmp_path)
    assert from_json(done.stdout)["counts"] == {"Jazz": 1}


def test_a_config_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    """A typing error in --config is no reason to take defaults."""
    done = equigen("status", "--config", "nowhere.toml", cwd=tmp_path)
    assert done.returncode == 2
    assert "nowhere.toml" in done.stderr


@pytest.mark.long_after(2)
@pytest.mark.parametrize(
    "command", ["clean", "dedupe", "counts", "balance --per-label 5", "download"]
)
def test_a_missing_dataset_names_the_stage_that_makes_it(tmp_path: Path, command: str) -> None:
    """One line, exit 2."""
    done = equigen(*command.split(), cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "equigen fetch" in done.stderr
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == [], "a command in the wrong folder leaves nothing there"


@pytest.mark.long
def test_the_whole_run_end_to_end(tmp_path: Path) -> None:
    """`run` does all stages; quiet it says one line; again it asks for nothing."""
    with Sandbox(make_catalogue(albums_per_label=8)) as sandbox:
        env = sandbox_env(sandbox.base_url, **SMALL)
        done = equigen("run", cwd=tmp_path, env=env)
        assert done.returncode == 0, done.stderr
        for stage in ("fetch", "clean", "dedupe", "counts", "download", "split"):
            assert f"\n{stage}: " in f"\n{done.stdout}"
        sandbox.log.clear()
        quiet = equigen("run", "--quiet", cwd=tmp_path, env=env)
        assert quiet.returncode == 0
        assert quiet.stderr == ""
        assert quiet.stdout.count("\n") == 1
        assert sandbox.log == []
        stages = from_json(equigen("run", "--json", cwd=tmp_path, env=env).stdout)
        assert [each["stage"] for each in stages["stages"]] == [
            "fetch", "clean", "dedupe", "counts", "download", "split",
        ]  # fmt: skip
        assert stages["complete"] is True
        state = from_json(equigen("status", "--json", cwd=tmp_path, env=env).stdout)
    assert state["covers"] == state["rows_in"] == 15 * 4
    assert sum(state["sets"].values()) == state["covers"]


def test_what_is_left_for_later_is_exit_3(tmp_path: Path) -> None:
    """With a quota used up the run goes on to the end and says that it is partly done."""
    with Sandbox(make_catalogue(albums_per_label=8)) as sandbox:
        env = sandbox_env(sandbox.base_url, **SMALL)
        env["EQUIGEN_DOWNLOAD__HOSTS"] = json.dumps({"127.0.0.1": {"per_day": 20}})
        done = equigen("run", "--quiet", cwd=tmp_path, env=env)
    assert done.returncode == 3, done.stderr
    assert "partly done" in done.stdout


def test_no_bar_where_stderr_is_no_terminal(tmp_path: Path) -> None:
    """Logs of cron jobs hold no progress bars and no colours."""
    with Sandbox(make_catalogue(albums_per_label=8)) as sandbox:
        done = equigen("run", cwd=tmp_path, env=sandbox_env(sandbox.base_url, **SMALL))
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    assert "\r" not in done.stdout


def test_a_bar_shows_rate_and_time_left_on_a_terminal(tmp_path: Path) -> None:
    """On a terminal long work shows how far it is; the results stay on stdout."""
    with Sandbox(make_catalogue(albums_per_label=8)) as sandbox:
        env = program_env(**sandbox_env(sandbox.base_url, **SMALL))
        command = [sys.executable, "-m", "equigen", "run"]
        code, shown = on_a_terminal(
            command, cwd=tmp_path, env=env, stdout=subprocess.DEVNULL, columns=100
        )
    assert code == 0
    assert b"download: 100%" in shown
    assert b"cover/s" in shown
    assert b"MB/s" in shown
    assert b"ok=100%" in shown
    assert b"fetch: 100%" in shown


def test_verbose_tells_of_requests(tmp_path: Path) -> None:
    """--verbose shows each request, without credentials."""
    with Sandbox(make_catalogue(albums_per_label=8)) as sandbox:
        env = sandbox_env(sandbox.base_url, **SMALL)
        done = equigen("-v", "fetch", "--label", "Jazz", cwd=tmp_path, env=env)
    assert "GET http://127.0.0.1" in done.stderr
    assert "style=Jazz" in done.stderr
    assert env["DISCOGS_TOKEN"] not in done.stderr


@pytest.mark.long
def test_a_second_run_is_told_who_holds_the_lock(tmp_path: Path) -> None:
    """Exit 1, and nothing is touched."""
    tsv = write_rows(tmp_path / "data" / "equigen_dataset.tsv", {"artist": "Prince (2)"})
    before = tsv.read_bytes()
    with dataset_lock(tmp_path / "data", stage="download", now=NOON):
        balance = "balance --per-label 1"
        for command in ("fetch", "clean", "dedupe", balance, "download", "split", "run"):
            done = equigen(*command.split(), cwd=tmp_path, env=sandbox_env("http://127.0.0.1:9"))
            assert done.returncode == 1, command
            assert "equigen download" in done.stderr
            assert "2026-06-15 12:00:00 UTC" in done.stderr
        assert equigen("status", cwd=tmp_path).returncode == 0, "who only reads needs no lock"
    assert tsv.read_bytes() == before
    assert sorted(p.name for p in tsv.parent.iterdir()) == [".equigen.lock", tsv.name]


def test_a_service_that_says_no_is_one_line(tmp_path: Path) -> None:
    """A 401 is exit 2 and says where to mend it."""
    with ScriptedServer(Script(401, b'{"message": "Invalid consumer token."}')) as server:
        done = equigen("fetch", cwd=tmp_path, env=sandbox_env(server.url))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "authentication failed (401): check DISCOGS_TOKEN" in done.stderr
    assert "Invalid consumer token" in done.stderr


def test_the_demo_leaves_a_whole_dataset(tmp_path: Path) -> None:
    """No account, no network, no settings of the user's: every label full, every cover there."""
    (tmp_path / "config.toml").write_text("[fetch]\ngenre_limit = 1\n")
    for _ in range(2):
        done = equigen("demo", "--albums", "3", cwd=tmp_path, env={"DISCOGS_TOKEN": "mine"})
        assert done.returncode == 0, done.stderr
    folder = tmp_path / "equigen_demo"
    assert str(folder) in done.stdout
    assert "\nclasses: 3 albums each\n" in done.stdout, "World is as large as the others"
    covers = Counter(path.parent.name for path in (folder / "equigen_album_images").glob("*/*.jpg"))
    assert (len(covers), set(covers.values())) == (15, {3})
    assert len(list((folder / "split").glob("*/*/*.jpg"))) == 15 * 3
    assert len(list((folder / "imagefolder").glob("*/*/*.jpg"))) == 15 * 3
    assert (folder / "report.html").read_text("utf-8").startswith("<!DOCTYPE html>")


@pytest.mark.long
def test_the_demo_has_something_to_learn_and_to_find(tmp_path: Path) -> None:
    """Its script trains better than by chance; covers look alike, some in two classes."""
    assert equigen("demo", cwd=tmp_path).returncode == 0
    folder = tmp_path / "equigen_demo"
    said = subprocess.check_output([sys.executable, "load.py"], cwd=folder, text=True)
    *classes, whole = said.splitlines()
    assert len(classes) == 15
    right, of = map(int, re.findall(r"\d+", whole)[:2])
    assert right > 3 * of / 15
    found = from_json(equigen("dedupe", "--covers", "--json", cwd=folder).stdout)
    assert found["groups"] > found["label_conflicts"] > 1


def test_the_demo_crawls_as_well(tmp_path: Path) -> None:
    """The same from a made-up Spotify: every label full, every cover there, and it goes on."""
    done = equigen("demo", "--source", "spotify", "--albums", "3", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "\nclasses: 3 albums each\n" in done.stdout
    folder = tmp_path / "equigen_demo"
    covers = Counter(path.parent.name for path in (folder / "equigen_album_images").glob("*/*.jpg"))
    assert (len(covers), set(covers.values())) == (16, {3})
    assert len(list((folder / "split").glob("*/*/*.jpg"))) == 16 * 3
    told = equigen("status", "--json", cwd=folder)
    found = from_json(told.stdout)
    assert (found["rows"], found["covers"]) == (48, 48)
    assert found["next"].startswith("nothing: the dataset is complete")
    assert equigen("report", cwd=folder).returncode == 0


def test_commands_work_on_the_demo_from_its_folder(tmp_path: Path) -> None:
    """As it says; its settings ask for no more than is there, and no setting needs trust."""
    done = equigen("demo", "--albums", "2", "--directory", "my demo", cwd=tmp_path)
    assert "\nNext: cd 'my demo'\n" in done.stdout
    told = equigen("status", "--json", cwd=tmp_path / "my demo")
    assert told.returncode == 0, told.stderr
    found = from_json(told.stdout)
    assert (found["rows"], found["covers"]) == (found["covers"], found["rows"]) != (0, 0)
    done = equigen("balance", "--per-label", "1", "--json", cwd=tmp_path / "my demo")
    assert from_json(done.stdout)["rows_out"] == 15


def test_the_demo_touches_no_folder_of_others(tmp_path: Path) -> None:
    """A folder that holds something else is refused and left as it is."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    done = equigen("demo", "--directory", "mine", cwd=tmp_path)
    assert done.returncode == 2
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_python_m_equigen_and_the_console_script_are_one(tmp_path: Path) -> None:
    """Both are installed and answer alike."""
    script = Path(sys.executable).with_name("equigen")
    ways = ([script], [sys.executable, "-m", "equigen"])
    said = {subprocess.check_output([*way, "--version"], cwd=tmp_path) for way in ways}
    assert len(said) == 1


@posix_only
def test_ctrl_c_is_exit_130(tmp_path: Path) -> None:
    """An interrupt is no success and no traceback."""
    env = program_env(**sandbox_env("http://127.0.0.1:9"))
    with Sandbox(latency_s=0.2) as sandbox:
        env["EQUIGEN_DISCOGS__BASE_URL"] = sandbox.base_url
        process = subprocess.Popen(
            [sys.executable, "-m", "equigen", "fetch"],
            cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        sandbox.hook = lambda hit: process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in err


def test_a_torn_token_is_refused_without_being_shown(tmp_path: Path) -> None:
    """A token with a line break or a foreign letter inside is named, never quoted."""
    for token in ("hush\rhush", "hush…", "hush\nhush"):
        env = sandbox_env("http://127.0.0.1:9") | {"DISCOGS_TOKEN": token}
        done = equigen("fetch", cwd=tmp_path, env=env)
        assert done.returncode == 2
        assert "DISCOGS_TOKEN" in done.stderr
        assert "hush" not in done.stderr


@pytest.mark.long
def test_a_run_holds_the_lock_from_its_first_stage_to_its_last(tmp_path: Path) -> None:
    """No other command gets in between two stages of a run, and none after another demo's start."""
    with Sandbox(make_catalogue(albums_per_label=8)) as sandbox:
        env = program_env(**sandbox_env(sandbox.base_url, **SMALL))
        command = [sys.executable, "-m", "equigen", "run", "-q"]
        process = subprocess.Popen(command, cwd=tmp_path, env=env, stdout=subprocess.PIPE)
        codes = set()
        while process.poll() is None:
            with suppress(FileNotFoundError):  # not there yet, or gone with the end of the run
                held = (tmp_path / "data" / ".equigen.lock.holder").read_text()
                codes.add(from_json(held or "{}").get("stage", "run"))
        process.communicate()
        assert process.returncode == 0
    assert codes == {"run"}


@pytest.mark.long
def test_a_second_demo_leaves_the_first_alone(tmp_path: Path) -> None:
    """The folder of a demo that is under way is not cleared."""
    folder = tmp_path / "equigen_demo"
    assert equigen("demo", "--albums", "1", cwd=tmp_path).returncode == 0
    before = sorted(folder.rglob("*.jpg"))
    with dataset_lock(folder, stage="demo", now=NOON):
        done = equigen("demo", "--albums", "1", cwd=tmp_path)
    assert done.returncode == 1
    assert "equigen demo" in done.stderr
    assert sorted(folder.rglob("*.jpg")) == before
    (tmp_path / "file").write_text("in the way")
    assert equigen("demo", "--directory", "file", cwd=tmp_path).returncode == 2


# Runs the command line again and again in forks, each told to stop one line later of its outermost
# functions (the wrapper of `signal.signal` is one), until one passes no such line any more.
_STOPPED_LINE_BY_LINE = """
import os, signal, sys, traceback
from equigen.cli import app

files = {app.__file__, signal.__file__}
names = {"main", "_run_program", "signal", "_int_to_enum"}

def stop_at(wanted):
    left = wanted
    def at_line(frame, event, arg):
        nonlocal left
        left -= event == "line"
        if event == "line" and left == 0:
            os.kill(os.getpid(), signal.SIGTERM)
        return at_line
    def at_call(frame, event, arg):
        ours = frame.f_code.co_filename in files and frame.f_code.co_name in names
        return at_line if ours else None
    code = 0
    sys.settrace(at_call)
    try:
        app.main()
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    sys.settrace(None)
    sys.stdout.flush()
    os._exit(99 if left > 0 else code)

sys.argv, code, line = ["equigen", "--version"], 0, 0
signal.signal(signal.SIGTERM, lambda *_: os._exit(130))  # as `__main__` ends before
while code != 99:
    line += 1
    if not (pid := os.fork()):
        stop_at(line)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    print(line, code)
"""


@posix_only
def test_a_signal_at_any_line_ends_cleanly(tmp_path: Path) -> None:
    """However late SIGTERM comes, there is no traceback, and the code is that of an end."""
    done = subprocess.run(
        [sys.executable, "-c", _STOPPED_LINE_BY_LINE],
        cwd=tmp_path, env=program_env(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    said = [line for line in done.stdout.splitlines() if not line.startswith("equigen ")]
    codes = [int(line.split()[1]) for line in said]
    assert codes.pop() == 99
    assert set(codes) == {0, 130}, said
    assert len(codes) > 40
