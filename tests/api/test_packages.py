"""The wheel as others get it: typed for their checks, and open to their plug-ins."""

import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
from support import ROOT, from_json, program_env

from equigen.sandbox.server import Sandbox

CONSUMER = Path(__file__).parent / "consumer" / "consumer.py"
SITE = Path(sysconfig.get_path("purelib"))

SOURCE = '''
"""A source of another distribution: Discogs' API, under a name of its own."""

from equigen.sources.discogs import open_source as open_discogs

SETTINGS = ()


def open_source(config):
    """Open it."""
    return open_discogs(config)
'''
COMMAND = '''
"""Say hello to each label.

Example:
  equigen hello
"""

from typing import Annotated, Final

import typer

from equigen.dataset.dataset import Dataset
from equigen.summary import Summary

ORDER: Final = 200
SETTINGS: Final = ()


def run(context, *, shout: Annotated[bool, typer.Option("--shout", help="Loudly.")] = False):
    """Greet."""
    counts = Dataset(context).counts()
    notes = [f"hello {name}" for name in counts.index]
    notes = [note.upper() for note in notes] if shout else notes
    rows = int(counts.sum())
    return Summary(stage="hello", unit="rows", rows_in=rows, rows_out=rows, notes=notes)
'''
FORMAT = '''
"""Write the names of the albums, a line each."""

from equigen.exports.base import Piece

ENDINGS = (".txt",)


def open_export(job):
    """Yield the file."""
    yield Piece("", "", lambda path: path.write_text("\\n".join(job.albums.table["album"])) and "")
'''
POINTS = """[equigen.sources]
coverbin = coverbin.source
[equigen.commands]
hello = coverbin.hello
[equigen.exports]
names = coverbin.names
"""


def environment(folder: Path, wheel: Path) -> Path:
    """Make a virtual environment that has a wheel, and what is installed here but for EquiGen."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    ask = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    site = Path(subprocess.run(ask, check=True, capture_output=True, text=True).stdout.strip())
    install(wheel, site)
    (site / "others.pth").write_text(f"{SITE}\n")  # its own .pth files aren't read
    return python


def install(wheel: Path, site: Path) -> None:
    """Unpack a wheel, as an installer does with one that is pure Python."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's own wheel, built as a release is."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps",
         "--disable-pip-version-check", "--wheel-dir", str(folder), str(ROOT)],
        check=True,
    )  # fmt: skip
    (built,) = folder.glob("*.whl")
    return built


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="virtual environments look different there")
def test_a_consumer_is_checked_against_the_wheel(wheel: Path, tmp_path: Path) -> None:
    """Its types are in the wheel: mypy --strict passes, and a wrong call does not."""
    python = environment(tmp_path / "venv", wheel)

    def checked(code: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "consumer.py").write_text(code)
        command = [
            sys.executable, "-m", "mypy", "--strict", "--python-executable", str(python),
            "--config-file", "", "--cache-dir", str(tmp_path / "cache"), "consumer.py",
        ]  # fmt: skip
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    code = CONSUMER.read_text()
    good = checked(code)
    assert good.returncode == 0, good.stdout + good.stderr
    wrong = checked(code.replace("example.sha256", "example.sha265"))
    assert '"Example" has no attribute "sha265"' in wrong.stdout


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    """A folder of packages, of which another distribution has a source, a command and an export."""
    wheel = tmp_path / "coverbin-1.0-py3-none-any.whl"
    info = "coverbin-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("coverbin/__init__.py", "")
        archive.writestr("coverbin/source.py", SOURCE)
        archive.writestr("coverbin/hello.py", COMMAND)
        archive.writestr("coverbin/names.py", FORMAT)
        archive.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: coverbin\nVersion: 1.0\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\n"
            "Tag: py3-none-any\n",
        )  # fmt: skip
        archive.writestr(f"{info}/entry_points.txt", POINTS)
        archive.writestr(f"{info}/RECORD", "")
    site = tmp_path / "site"
    install(wheel, site)
    return site


def test_another_distribution_adds_a_source_a_command_and_an_export(
    plugin: Path, tmp_path: Path
) -> None:
    """They are listed, helped with, run from the command line and by the API."""
    with Sandbox() as sandbox:
        env = program_env(
            PYTHONPATH=str(plugin),
            DISCOGS_TOKEN=sandbox.token,
            EQUIGEN_DISCOGS__BASE_URL=sandbox.base_url,
        )

        def ran(*command: str, code: int = 0) -> str:
            done = subprocess.run(
                [sys.executable, *command], cwd=tmp_path, env=env, capture_output=True, text=True,
                check=False,
            )  # fmt: skip
            assert done.returncode == code, done.stderr
            return done.stdout + done.stderr

        assert "Say hello to each label." in ran("-m", "equigen", "--help")
        assert "--shout" in ran("-m", "equigen", "hello", "--help")
        fetch = ("-m", "equigen", "fetch", "--label", "Jazz", "--genre-limit", "3")
        assert "3 out" in ran(*fetch, "--source", "coverbin")
        assert "HELLO JAZZ" in ran("-m", "equigen", "hello", "--shout")
        assert from_json(ran("-m", "equigen", "hello", "--json"))["rows_in"] == 3
        api = "import equigen; print(equigen.run('hello', shout=True)['notes'])"
        assert "HELLO JAZZ" in ran("-c", api)
        assert "3 out" in ran("-m", "equigen", "download")
        export = ("-m", "equigen", "export", "names", "names.txt")
        assert "3 out" in ran(*export, "--private-use")
        assert len((tmp_path / "names.txt").read_text().splitlines()) == 3
        assert "imagefolder, names, " in ran("-m", "equigen", "export", "nosuch", "x", code=2)
        for name in ("nosuch", "base"):  # the latter is a module of that package, and no source
            said = ran(*fetch, "--source", name, code=2)
            assert f"no source is called '{name}'; expected one of: " in said
            assert " coverbin, discogs, " in said


@pytest.mark.long_after(2)
@pytest.mark.parametrize("module", ["source", "hello"])
@pytest.mark.parametrize("declared", ['("coverbin.x",)', '("fetch",)', '("discogs.x",)'])
def test_a_plugin_that_declares_no_setting_is_named(
    plugin: Path, tmp_path: Path, module: str, declared: str
) -> None:
    """With that setting, in one line; commands that don't need it go on."""
    file = plugin / "coverbin" / f"{module}.py"
    code = file.read_text().replace("SETTINGS = ()", f"SETTINGS = {declared}")
    file.write_text(code.replace("SETTINGS: Final = ()", f"SETTINGS: Final = {declared}"))

    def ran(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "equigen", *command], cwd=tmp_path, capture_output=True,
            text=True, env=program_env(PYTHONPATH=str(plugin)), check=False,
        )  # fmt: skip

    broken, name = ("fetch", "coverbin") if module == "source" else ("hello", "hello")
    done = ran(broken, "--help")
    assert done.returncode == 2
    setting = declared.split('"')[1]
    assert f"the plug-in {name!r}: its SETTINGS name {setting!r}, which is no" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert ran("counts", "--help").returncode == ran("--help").returncode == 0


def test_a_plugin_that_is_broken_is_named(plugin: Path, tmp_path: Path) -> None:
    """An entry point that leads nowhere is one line that says what to do."""
    for file in (plugin / "coverbin").glob("*.py"):
        file.unlink()
    (plugin / "coverbin").rename(plugin / "gone")
    done = subprocess.run(
        [sys.executable, "-m", "equigen", "--help"], cwd=tmp_path, capture_output=True, text=True,
        env=program_env(PYTHONPATH=str(plugin)), check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "the plug-in 'hello': its entry point names the module 'coverbin.hello'" in done.stderr
    assert "Traceback" not in done.stderr
