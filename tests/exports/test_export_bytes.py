"""The bytes that go out are those that the rows tell of, and those that are listed."""

import os
from pathlib import Path

import pytest
from exported import albums, digest, files_of, filled, run_export
from reports import jpeg

from equigen.errors import InputError


def swapped(data: Path, number: int) -> Path:
    """Put other bytes of the same size in the place of a cover; return its file."""
    file = next((data / "equigen_album_images").rglob(f"Artist {number} *"))
    body = jpeg(number)
    assert file.read_bytes() == body
    file.unlink()
    file.write_bytes(body[:-3] + bytes(3))
    return file


@pytest.mark.parametrize(
    ("name", "size"), [("parquet", 0), ("webdataset", 0), ("webdataset", 16), ("imagefolder", 16)]
)
def test_a_cover_of_other_bytes_does_not_go_out(tmp_path: Path, name: str, size: int) -> None:
    """Though its size is the same; what was made before stays, and mended, it goes on."""
    data, out = filled(tmp_path / "data", albums(8)), tmp_path / "out"
    file = swapped(data, 1)
    with pytest.raises(InputError, match=r"Artist 1 .*SHA-256.*download --verify"):
        run_export(data, out, name, size=size)
    assert not out.exists()
    file.write_bytes(jpeg(1))
    assert run_export(data, out, name, size=size).rows_out == 8


def test_copies_are_compared_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the disk has no hard links; links are known by their sizes alone."""
    data, out = filled(tmp_path / "data", albums(4)), tmp_path / "out"

    def refuse(*_: object, **__: object) -> None:
        raise OSError(1, "Operation not permitted")

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", refuse)
        run_export(data, out)
        assert {digest(each) for path, each in files_of(out).items() if path.endswith(".jpg")} == {
            digest(jpeg(number)) for number in range(4)
        }
        swapped(data, 1)
        with pytest.raises(InputError, match=r"Artist 1 .*SHA-256.*download --verify"):
            run_export(data, tmp_path / "other")


@pytest.mark.parametrize("name", ["parquet", "webdataset", "imagefolder"])
def test_a_damaged_part_is_made_anew(tmp_path: Path, name: str) -> None:
    """Of the earlier export, though it has its size; the list stays true, and others are kept."""
    data, out = filled(tmp_path / "data", albums(8)), tmp_path / "out"
    run_export(data, out, name)
    whole = files_of(out)
    endings = {"imagefolder": "*/metadata.parquet", "parquet": "*/*.parquet", "webdataset": "*.tar"}
    shard, *others = sorted(out.glob(endings[name]))
    body = bytearray(shard.read_bytes())
    body[len(body) // 2] ^= 1
    shard.write_bytes(body)
    inodes = [each.stat().st_ino for each in others]
    summary = run_export(data, out, name)
    assert summary.facts["made_anew"] == 1
    assert files_of(out) == whole
    assert [each.stat().st_ino for each in others] == inodes
    assert run_export(data, out, name).facts["made_anew"] == 0
