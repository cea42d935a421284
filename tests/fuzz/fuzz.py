"""Fuzz a reader with atheris, guided by coverage: `make fuzz`, or `python fuzz.py NAME SECONDS`.

What it finds is left as crash-... in the working directory, and becomes a test.
"""

import logging
import sys
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import atheris

with atheris.instrument_imports(include=["equigen"]):
    from readers import READERS

    from equigen.errors import EquigenError


def main() -> None:
    """Fuzz one reader for so many seconds."""
    name, seconds = sys.argv[1:]
    reader = READERS[name]
    warnings.simplefilter("ignore")
    logging.disable()

    def once(body: bytes) -> None:
        try:
            reader.read(body)
        except EquigenError:
            return

    with TemporaryDirectory() as corpus:
        for number, seed in enumerate(reader.seeds):
            Path(corpus, str(number)).write_bytes(seed)
        options = [f"-max_total_time={seconds}", "-rss_limit_mb=2048", "-timeout=60", corpus]
        atheris.Setup([sys.argv[0], *options], once)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
