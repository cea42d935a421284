"""The program without its start: each run is forked from a process that has all of it loaded.

As a script, this is that process: it has no threads, takes a request a line and answers with one.
A run is the real command line in a process of its own, which can be killed at any moment.
"""

import gc
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self

import equigen.cli.runner  # noqa: F401  (loaded before a fork, as the commands are)
from equigen.plugins import find_commands

# What starts a process that may mount, and what it mounts is there for it alone.
APART = ("unshare", "--user", "--map-root-user", "--mount")
STOPPED = 130
# What starts a process that permissions keep out, also where root starts it.
UNPRIVILEGED = (
    "setpriv",
    "--bounding-set=-dac_override,-dac_read_search,-fowner",
    "--inh-caps=-dac_override,-dac_read_search,-fowner",
)
if sys.platform == "win32":  # tests that name it are read there, too, and skipped
    signal.SIGKILL = signal.SIGTERM
_LIMIT_S = 120.0
_NEVER_S = 1e9
ends = ExitStack()


@dataclass(frozen=True)
class Ended:
    """How a run ended: its exit code, or the negative signal; all it said; how long it took.

    `left_s` is how long after its end the last process that it had started was gone.
    """

    code: int
    out: str
    err: str
    took_s: float
    left_s: float

    @property
    def was_stopped(self) -> bool:
        """Whether a signal ended it: SIGTERM also before it came so far as to end cleanly."""
        return self.code in {-signal.SIGKILL, -signal.SIGTERM, STOPPED}


class Forks:
    """Runs the program by forking; use it as a context.

    With `apart`, all of it happens where mounts are seen by nobody else, as root of its own;
    `within` are other words that start such a process.
    """

    def __init__(self, *, apart: bool = False, within: Sequence[str] = ()) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._prefix = APART if apart else tuple(within)
        self._one_at_a_time = threading.Lock()

    def __enter__(self) -> Self:
        if not hasattr(os, "fork"):
            import pytest  # noqa: PLC0415  (not for the script)

            pytest.skip("needs fork, and the signals of POSIX")
        # What measures coverage would slow every run down, and save nothing of one that is killed.
        env = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
        env["PYTHONPATH"] = str(Path(__file__).parents[2])
        self._process = subprocess.Popen(
            [*self._prefix, sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**env, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            text=True,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        err: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process:
            self._process.communicate()

    def run(
        self,
        *args: str | Path,
        cwd: Path,
        env: Mapping[str, str],
        signal_after_s: float | None = None,
        number: int = signal.SIGKILL,
    ) -> Ended:
        """Run the program to its end, or send it a signal so many seconds after its start."""
        asked = {
            "args": list(map(str, args)),
            "cwd": str(cwd),
            "env": dict(env),
            "after_s": _NEVER_S if signal_after_s is None else signal_after_s,
            "number": int(number),
        }
        return Ended(**self._ask(asked))

    def shell(self, *command: str | Path) -> None:
        """Run another command there: to mount, to copy in and out."""
        done = self._ask({"command": list(map(str, command))})
        assert done["code"] == 0, done

    def _ask(self, asked: object) -> dict[str, Any]:
        assert self._process
        assert self._process.stdin
        assert self._process.stdout
        with self._one_at_a_time:  # servers of tests ask from threads of theirs
            self._process.stdin.write(json.dumps(asked) + "\n")
            self._process.stdin.flush()
            answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


@cache
def shared() -> Forks:
    """Open the one that all tests of this process use, until `ends` is closed."""
    return ends.enter_context(Forks())


def main() -> None:
    """Take requests until there are no more."""
    for command in find_commands().values():
        command.load()
    gc.freeze()  # a run looks through what it made itself, and copies no page of the rest
    for line in sys.stdin:
        assert len(os.listdir("/proc/self/task")) == 1, "a thread would be lost in a fork"  # noqa: PTH208
        asked = json.loads(line)
        answer = _other(**asked) if "command" in asked else asdict(_forked(**asked))
        print(json.dumps(answer), flush=True)  # noqa: T201


def _other(command: list[str]) -> dict[str, Any]:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return {"code": done.returncode, "out": done.stdout, "err": done.stderr}


def _forked(args: list[str], cwd: str, env: dict[str, str], after_s: float, number: int) -> Ended:
    # Processes that the run starts hold the other end as well: it closes with the last of them.
    read, write = os.pipe()
    with tempfile.TemporaryFile() as out:
        began_s = time.monotonic()
        pid = os.fork()
        if not pid:
            os.close(read)
            _become(args, cwd, env, out.fileno(), write)
        os.close(write)
        err, waiting, sent, ended_s = b"", True, False, 0.0
        code = 0
        while waiting:
            now_s = time.monotonic() - began_s
            until_s = _LIMIT_S if sent else min(after_s, _LIMIT_S)
            ready, _, _ = select.select([read], [], [], max(0.0, min(until_s - now_s, 0.05)))
            if ready:
                said = os.read(read, 65536)
                err, waiting = err + said, bool(said)
            if not ended_s:
                gone, status = os.waitpid(pid, os.WNOHANG)
                if gone:
                    code, ended_s = os.waitstatus_to_exitcode(status), time.monotonic()
            now_s = time.monotonic() - began_s
            if now_s >= until_s and not ended_s:
                os.kill(pid, number if not sent and after_s < _LIMIT_S else signal.SIGKILL)
                sent = True
        os.close(read)
        if not ended_s:
            _, status = os.waitpid(pid, 0)
            code, ended_s = os.waitstatus_to_exitcode(status), time.monotonic()
        out.seek(0)
        said_out = out.read().decode(errors="replace")
    left_s = time.monotonic() - ended_s
    return Ended(code, said_out, err.decode(errors="replace"), ended_s - began_s, left_s)


def _become(args: list[str], cwd: str, env: dict[str, str], out: int, err: int) -> NoReturn:
    """Be a run of the program, as a new process would be."""
    code: Any = 1
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(err, 2)
        os.closerange(3, 64)
        os.chdir(cwd)
        os.environ.clear()
        os.environ.update(env)
        sys.argv = ["equigen", *args]
        from equigen.cli.app import main as program  # noqa: PLC0415

        program()
    except SystemExit as err_:
        code = err_.code
    except BaseException:  # noqa: BLE001  (as the interpreter would)
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        gc.collect()  # what nobody holds any more is closed, as where an interpreter ends
        os._exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
