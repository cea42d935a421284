"""Write tar shards for WebDataset: a sample is a cover with its label, its fields and a text.

`SET-000000.tar` has samples of the members `KEY.jpg`, `KEY.cls`, `KEY.json` and `KEY.txt`, side by
side. The key is the number of the shard and that of the sample there, in digits, since a key ends
at the first dot of a name. `index.json` lists the shards, with the offsets of their samples.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

import orjson
import polars as pl

from equigen.exports import shards
from equigen.exports.base import Description, Job, Piece
from equigen.exports.rows import huggingface_features, visible

VERSION: Final = 2
OPTIONS: Final = shards.OPTIONS
_INDEX: Final = "index.json"
_MEMBERS: Final = ("jpg", "cls", "json", "txt")
_BLOCK_BYTES: Final = 512
_SIZE: Final = slice(124, 135)
_TOGETHER_BYTES: Final = 1 << 20
# To copy a smaller body takes less time than to write it by itself.
_LARGE_BYTES: Final = 1 << 12
_END: Final = bytes(2 * _BLOCK_BYTES)
_PADDING: Final = [bytes(count) for count in range(_BLOCK_BYTES)]
# Mode, owner and group: a file of nobody's that all may read.
_OWNED: Final = b"0000644\0" + 2 * b"0000000\0"
# Seconds since 1970: none.
_DATED: Final = b"00000000000\0"
_USTAR: Final = bytes(100) + b"ustar\x0000" + bytes(247)
# By the length of the name, all from there to the size.
_TO_OWNED: Final = [bytes(100 - length) + _OWNED for length in range(101)]
# Of all that is the same, with blanks in the checksum's place, and that of a regular file.
_SUM: Final = sum(_OWNED + _DATED + 8 * b" " + b"0" + _USTAR)
_LABEL: Final = "label"
_CAPTION: Final = "caption"
_ROWS: Final = 1_000


class Made(NamedTuple):
    """A shard that is finished: its sha256 (hex), and where its samples begin and the last ends."""

    sha256: str
    offsets: Sequence[int]


def open_export(job: Job) -> Iterator[Piece]:
    """Yield the shards of each set, then their index."""
    made = dict[str, Made]()
    pieces = list(shards.shards(job, "{}-{:06}.tar", partial(_write, job, made)))
    yield from pieces
    made_of = job.digest(job.albums.table.clear(), [(each.name, each.made_of) for each in pieces])
    yield Piece(_INDEX, made_of, partial(_write_index, pieces, made))


def describe(job: Job) -> Description:
    """Tell how the shards are read."""
    fields = huggingface_features(visible(job.albums.table), job.albums.labels)
    text = {"dtype": "string", "_type": "Value"}
    features = {
        "jpg": {"_type": "Image"},
        "cls": fields[_LABEL],
        "json": fields,
        "txt": text,
        "__key__": text,
        "__url__": text,
    }
    lasts = {name: shards.count(job, name) - 1 for name in job.albums.sets}
    files = "".join(
        f'    "{name}": "path/to/this/folder/{name}-{{000000..{last:06}}}.tar",\n'
        for name, last in lasts.items()
    )
    loading = _LOADING.format(files=files, first=job.albums.sets[0])
    return Description(loading, shards.on_card(job, features, "{}-*.tar"), no_year="0")


_LOADING: Final = """\
```python
import webdataset

files = {{
{files}}}
dataset = webdataset.WebDataset(files["{first}"], shardshuffle=False)
dataset = dataset.decode("pil").to_tuple("jpg", "cls")
```

Nothing in the JSON is null: what isn't known is 0, "" or an empty list.
"""


def _write(
    job: Job, made: dict[str, Made], name: str, number: int, rows: pl.DataFrame, path: Path
) -> str:
    with shards.HashedFile(path) as out:
        samples = samples_of(visible(rows), shards.pictures(job, rows))
        offsets = write_samples(out, number, samples)
    made[name] = Made(out.sha256, offsets)
    return out.sha256


def _write_index(pieces: Sequence[Piece], made: Mapping[str, Made], path: Path) -> str:
    """List the shards, with those that an earlier run made."""
    listed = []
    for shard in pieces:
        sha256, offsets = made.get(shard.name) or _read(path.with_name(shard.name))
        listed.append(
            {
                "name": shard.name,
                "set": shard.set,
                "sha256": sha256,
                "samples": len(offsets) - 1,
                "offsets": offsets,
            }
        )
    path.write_bytes(orjson.dumps({"shards": listed}, option=orjson.OPT_APPEND_NEWLINE))
    return ""


def _read(path: Path) -> Made:
    """Read where the samples of a shard lie."""
    with path.open("rb") as file:
        offsets, at, members = [0], 0, 0
        while header := file.read(_BLOCK_BYTES).strip(b"\0"):
            at += _BLOCK_BYTES + -(-int(header[_SIZE], 8) // _BLOCK_BYTES) * _BLOCK_BYTES
            file.seek(at)
            members += 1
            if members % len(_MEMBERS) == 0:
                offsets.append(at)
        file.seek(0)
        return Made(hashlib.file_digest(file, "sha256").hexdigest(), offsets)


def write_samples(out: BinaryIO, shard: int, samples: Iterable[Mapping[str, bytes]]) -> list[int]:
    """Write a shard: of each sample its members, by extension; return the offsets of the samples.

    The last offset is the end of the last sample.
    """
    waiting, small, waiting_bytes, offsets = list[bytes](), list[bytes](), 0, [0]
    for number, members in enumerate(samples):
        before, named = waiting_bytes, f"{key(shard, number)}."
        for extension, body in members.items():
            padding = _PADDING[-len(body) % _BLOCK_BYTES]
            small.append(tar_header(named + extension, len(body)))
            if len(body) < _LARGE_BYTES:
                small += (body, padding)
            else:
                waiting += (b"".join(small), body)
                small = [padding]
            waiting_bytes += _BLOCK_BYTES + len(body) + len(padding)
        offsets.append(offsets[-1] + waiting_bytes - before)
        if waiting_bytes >= _TOGETHER_BYTES:
            out.writelines((*waiting, b"".join(small)))
            waiting, small, waiting_bytes = [], [], 0
    out.writelines((*waiting, b"".join((*small, _END))))
    return offsets


def key(shard: int, number: int) -> str:
    """Return the key of a shard's sample."""
    return f"{shard:06}{number:06}"


def tar_header(name: str, size_bytes: int) -> bytes:
    """Return the header of a regular file of ASCII name in a tar archive (USTAR, POSIX.1-1988)."""
    named, size = name.encode("ascii"), b"%011o\0" % size_bytes
    checksum = b"%06o\0 0" % (_SUM + sum(named) + sum(size))
    return b"".join((named, _TO_OWNED[len(named)], size, _DATED, checksum, _USTAR))


def samples_of(table: pl.DataFrame, covers: Iterable[bytes]) -> Iterator[dict[str, bytes]]:
    """Yield the members of each row's sample, by extension: all of them in every sample.

    The member of the cover is a `jpg` whatever its format, which readers tell by the bytes.
    """
    fields = [_filled(pl.col(name), kind).alias(name) for name, kind in table.schema.items()]
    told = {
        "cls": pl.col(_LABEL).cast(pl.String),
        "json": pl.struct(fields).struct.json_encode(),
        "txt": _text(table.schema),
    }
    bodies = iter(covers)
    for rows in table.iter_slices(_ROWS):
        texts = rows.select(**told).iter_rows()
        for row, cover in zip(texts, bodies, strict=False):  # of the covers, there are more
            cells = zip(told, row, strict=True)
            yield {"jpg": cover, **{name: cell.encode() for name, cell in cells}}


def _text(schema: Mapping[str, Any]) -> pl.Expr:
    """Return a caption's text where captions are exported, else "ARTIST - ALBUM"."""
    caption = schema.get(_CAPTION)
    fields = caption.fields if isinstance(caption, pl.Struct) else ()
    if texts := [field.name for field in fields if field.dtype == pl.String]:
        return pl.col(_CAPTION).struct.field(texts[0]).fill_null("")
    return pl.format("{} - {}", "artist", "album")


def _filled(value: pl.Expr, kind: Any) -> pl.Expr:  # noqa: ANN401  (any type of polars)
    """Return values without nulls, which readers take for a column's type: 0, "" or [] instead.

    So it is within lists and structs, and of floats that JSON doesn't have (NaN, infinity): 0.
    """
    if isinstance(kind, pl.Struct):
        within = (_filled(value.struct.field(f.name), f.dtype).alias(f.name) for f in kind.fields)
        return pl.struct(*within)
    if isinstance(kind, pl.List):
        each = _filled(pl.element(), kind.inner)
        return value.list.eval(each).fill_null(pl.lit([], kind))
    if kind.is_float():
        return pl.when(value.is_finite()).then(value).otherwise(pl.lit(0, kind))
    return value.fill_null(pl.lit("" if kind == pl.String else 0, kind))
