"""Dumps of any size, made of copies of a real sample's records, each copy with new ids."""

import gzip
import os
import re
from pathlib import Path

from bench.errors import BenchError

SAMPLES = Path(__file__).parents[3] / "shared" / "realdata" / "discogs_dump"
# The date in the sample's name; what reads a whole folder of dumps looks for such names.
_DATE = "20200806"


def dump_file(folder: Path, kind: str, count: int) -> Path:
    """Return a dump of about `count` records of a kind ("master", "release"), made once.

    Raises:
        BenchError: the sample isn't there.

    """
    file = folder / str(count) / f"discogs_{_DATE}_{kind}s.xml.gz"
    if not file.is_file():
        sample = SAMPLES / f"{kind}s_{_DATE}_a.xml.gz"
        if not sample.is_file():
            msg = f"{sample}: no such file: the recorded real data is not beside this checkout"
            raise BenchError(msg)
        file.parent.mkdir(parents=True, exist_ok=True)
        beside = file.with_suffix(".new")
        _write(beside, gzip.decompress(sample.read_bytes()), kind, count)
        os.replace(beside, file)  # noqa: PTH105  (as everywhere: whole or not at all)
    return file


def _write(file: Path, sample: bytes, kind: str, count: int) -> None:
    name = kind.encode()
    begin, end = sample.index(b"<%b " % name), sample.rindex(b"</%bs>" % name)
    parts = re.split(rb'(?<=<%b id=")(\d+)(?=")' % name, sample[begin:end])
    record_id = 0
    with gzip.open(file, "wb", compresslevel=6) as dump:
        dump.write(sample[:begin])
        for _ in range(count // (len(parts) // 2)):
            for at in range(1, len(parts), 2):
                record_id += 1
                parts[at] = b"%d" % record_id
            dump.write(b"".join(parts))
        dump.write(sample[end:])
