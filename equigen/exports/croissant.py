"""Describe the dataset in Croissant (JSON-LD), for catalogues of datasets and for its own readers.

With the folder of another export (`--files`), its files are listed with their digests, and their
columns can be read; without, the dataset is described as one that can be fetched anew. What the
dataset knows of its making is told in the words of Croissant's RAI extension.
https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html
https://docs.mlcommons.org/croissant/docs/croissant-rai-spec.html
"""

import json
import os
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import polars as pl
from pydantic import TypeAdapter, ValidationError

from equigen.dataset.counting import largest_first
from equigen.dataset.dataset import Dataset
from equigen.errors import InputError, MissingInputError, UsageError, shortened
from equigen.exports.base import Earlier, Job, Piece
from equigen.exports.building import LIST, Place
from equigen.exports.card import Facts, facts_of
from equigen.schema import without_surrogates
from equigen.sources.base import restriction_of
from equigen.storage.os_errors import translating_read_errors
from equigen.version import __version__

VERSION: Final = 1
ENDINGS: Final = (".json", ".jsonld")
OPTIONS: Final = ("files",)
_CONFORMS: Final = ("http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0")
_OF_CROISSANT: Final = (
    "arrayShape", "citeAs", "column", "containedIn", "equivalentProperty", "extract", "field",
    "fileObject", "fileProperty", "fileSet", "format", "includes", "isArray", "isLiveDataset",
    "jsonPath", "key", "md5", "parentField", "path", "recordSet", "references", "regex", "repeated",
    "replace", "samplingRate", "separator", "source", "subField", "transform",
)  # fmt: skip
_CONTEXT: Final = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "name": {"@container": "@language"},
    "description": {"@container": "@language"},
    **{name: f"cr:{name}" for name in _OF_CROISSANT},
}
_PARQUET: Final = "application/x-parquet"
_TAR: Final = "application/x-tar"
_MEDIA: Final = {
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
}
_ALBUMS, _TABLE, _PICTURES, _COVERS, _IMAGE = "albums", "table", "pictures", "covers", "image"
_TYPES: Final = {
    "Boolean": "sc:Boolean", "Float32": "sc:Float", "Float64": "sc:Float",
    **{f"{sign}Int{bits}": "sc:Integer" for sign in ("", "U") for bits in (8, 16, 32, 64)},
}  # fmt: skip
_CITATION: Final = "@software{{equigen, title={{EquiGen}}, version={{{}}}, license={{MIT}}}}"
_MOST_CHARS: Final = 200
Node = dict[str, Any]


def open_export(job: Job) -> Iterator[Piece]:
    """Yield the description as the one file of the export."""
    yield Piece("", "", partial(_write, job))


def _write(job: Job, path: Path) -> str:
    name, folder = job.context.directory.resolve().name, job.options.files
    if folder:
        files, way = _files_in(folder), _way(folder, path.parent)
        told = describe(name, _facts_in(folder), files, way)
    else:
        with Dataset(job.context).reading_ledger() as ledger:
            told = describe(name, facts_of(job.albums, ledger))
    text = without_surrogates(json.dumps(told, ensure_ascii=False, indent=2))
    path.write_text(f"{text}\n", encoding="utf-8", newline="\n")
    return ""


def _files_in(folder: Path) -> Mapping[str, Earlier]:
    """Return the pieces of an export.

    Raises:
        MissingInputError: the folder is none.

    """
    found = Place(folder).earlier()
    if not found:
        msg = f"--files {folder}: expected the folder of an export, with its {LIST}; found none."
        raise MissingInputError(msg)
    return found


def _facts_in(folder: Path) -> Facts:
    """Return what an export notes of its albums, which may be others than those of the dataset.

    Raises:
        InputError: it is none that this version made.

    """
    try:
        return TypeAdapter(Facts).validate_python(Place(folder).noted())
    except ValidationError as err:
        found = err.errors()[0]
        where = shortened(".".join(map(str, found["loc"])), _MOST_CHARS)
        msg = f"{folder / LIST}: {where}: {found['msg']}. Make that export anew with this version."
        raise InputError(msg) from None


def _way(files: Path, folder: Path) -> str:
    """Return the path that leads from the description's folder to the files': "" or "covers/".

    Raises:
        UsageError: it leads out of the folder.

    """
    way = os.path.relpath(os.path.realpath(files), os.path.realpath(folder)).replace(os.sep, "/")
    if way == ".." or way.startswith("../"):
        msg = (
            f"--files {files}: readers look for the files below the folder of the description,"
            f" {folder}. Write it beside that folder."
        )
        raise UsageError(msg)
    return "" if way == "." else f"{way}/"


def describe(
    name: str, facts: Facts, files: Mapping[str, Earlier] | None = None, way: str = ""
) -> Node:
    """Return the description of a dataset; `way` leads to the folder of the `files`."""
    made_with, fetched, group = facts.made_with, facts.fetched, facts.group
    taxonomy = made_with.get("fetch.taxonomy") or "of the dataset"
    sources = {each or "unknown": facts.sources[each] for each in largest_first(facts.sources)}
    private = [
        f"For private use alone: {count:,} covers of {source} are in this copy, and it must not be"
        f" passed on. {restriction_of(source)}"
        for source, count in sorted(facts.private.items())
    ]
    day = {"datePublished": fetched, "version": fetched.replace("-0", "-").replace("-", ".")}
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": list(_CONFORMS),
        "name": name,
        "description": (
            f"{facts.albums:,} album covers with labels of {len(facts.labels):,} classes, in"
            f" the sets {', '.join(facts.sets)}. Made with EquiGen {__version__}."
        ),
        **(day if fetched else {"version": "1.0.0"}),
        "license": [*private, *facts.licences]
        or ["Covers belong to their owners; the rows have no licence that is known."],
        "citeAs": _CITATION.format(__version__),
        "keywords": ["album covers", "music", "image classification"],
        **({"isLiveDataset": True} if files is None else {}),
        "rai:dataCollection": (
            f"Albums as sources of music metadata list them ({', '.join(sources)}), with the covers"
            f" at the addresses that these give{f'; last fetched on {fetched}' if fetched else ''}."
        ),
        "rai:dataCollectionType": ["Secondary Data analysis", "User-generated content data"],
        "rai:dataCollectionMissingData": "; ".join(
            [
                f"of {facts.rows:,} albums {facts.albums:,} are here",
                *(f"{count:,} {why}" for why, count in sorted(facts.dropped.items())),
                *(restriction_of(source) for source in sorted(facts.restricted)),
            ]
        ),
        "rai:dataCollectionRawData": ", ".join(
            f"{name}: {count:,} albums" for name, count in sources.items()
        ),
        "rai:dataPreprocessingProtocol": [
            "Each cover was decoded to its end, and is known by the SHA-256 of its bytes.",
            "Covers that look alike were searched for." if facts.compared else
            "Covers that look alike were not searched for.",
            group,
            *(f"{name} = {json.dumps(value)}" for name, value in sorted(made_with.items())),
        ],
        "rai:dataAnnotationProtocol": [
            f"Labels follow from the sources' genres and styles, by the taxonomy {taxonomy}.",
            "No cover was looked at for them.",
        ],
        "rai:annotationsPerItem": (
            f"1; {facts.several:,} albums have several labels" if facts.several else "1"
        ),
        "rai:machineAnnotationTools": [f"EquiGen {__version__}"],
        "rai:dataUseCases": ["Training and testing of models that tell genres by covers."],
        "rai:dataBiases": list(_biases(facts)),
        "rai:dataLimitations": [
            *private,
            "Labels are those of the sources, given by people, and not free of errors.",
            group,
        ],
        "rai:personalSensitiveInformation": [
            "Covers show people, and rows name artists, as published by them.",
        ],
        "rai:dataReleaseMaintenancePlan": (
            "A new run adds albums and keeps the sets of those that are there."
        ),
        **_files(facts, files or {}, way),
    }  # fmt: skip


def _biases(facts: Facts) -> Iterator[str]:
    """Yield how the albums spread over classes and decades."""
    for what, counts in (("class", facts.classes), ("decade", facts.decades)):
        shares = (f"{name} {counts[name] / facts.albums:.1%}" for name in largest_first(counts))
        yield f"Albums by {what}: {', '.join(shares)}."


def _files(facts: Facts, files: Mapping[str, Earlier], way: str) -> Node:
    """Return the files as they are found, and the records that are read from them."""
    tables, tars = (
        [name for name in files if name.endswith(ending)] for ending in (".parquet", ".tar")
    )
    listed = [
        _node(
            "FileObject", name, encodingFormat=kind, contentUrl=f"{way}{name}",
            contentSize=f"{files[name].record['size_bytes']} B",
            sha256=files[name].record["sha256"],
        )
        for kind, names in ((_PARQUET, tables), (_TAR, tars))
        for name in names
    ]  # fmt: skip
    records = [
        _values("sets", "cr:Split", [{"name": name} for name in facts.sets]),
        _values(
            "labels", "sc:Enumeration",
            [{"label": at, "name": name} for at, name in enumerate(facts.labels)],
        ),
    ]  # fmt: skip
    endings = {_ending(name) for each in files.values() for name in each.record["files"] or ()}
    if tables:
        with translating_read_errors(files[tables[0]].path):
            schema = pl.read_parquet_schema(files[tables[0]].path)
        fields = [_column(name, kind) for name, kind in schema.items()]
        where = "*/*.parquet" if endings else "data/*.parquet"
        listed.append(_file_set(_TABLE, [_PARQUET], [way + where]))
        if endings:
            kinds = sorted({_MEDIA.get(each, f"image/{each}") for each in endings})
            patterns = [f"{way}*/*/*.{each}" for each in sorted(endings)]
            listed.append(_file_set(_PICTURES, kinds, patterns))
            fields = [_picture(_ALBUMS), *map(_joined, fields)]
        records.append(_node("RecordSet", _ALBUMS, field=fields))
    if tars:
        within = [{"@id": name} for name in tars]
        listed.append(_file_set(_PICTURES, [_MEDIA["jpg"]], ["*.jpg"], containedIn=within))
        name = {"extract": {"fileProperty": "filename"}, "transform": {"regex": r"^(\d+)"}}
        key = _field(f"{_COVERS}/key", "sc:Text", {"fileSet": {"@id": _PICTURES}, **name})
        records.append(_node("RecordSet", _COVERS, field=[key, _picture(_COVERS)]))
    return {"distribution": listed, "recordSet": records}


def _ending(name: str) -> str:
    return name.rpartition(".")[2]


def _node(kind: str, place: str, **more: object) -> Node:
    name = place if kind == "FileObject" else place.rpartition("/")[2]
    return {"@type": f"cr:{kind}", "@id": place, "name": name, **more}


def _file_set(name: str, kinds: list[str], patterns: list[str], **more: object) -> Node:
    return _node("FileSet", name, encodingFormat=kinds, includes=patterns, **more)


def _values(name: str, kind: str, rows: list[dict[str, Any]]) -> Node:
    """Return records that stand in the description itself."""
    types = {str: "sc:Text", int: "sc:Integer"}
    fields = [
        _node("Field", f"{name}/{key}", dataType=types[type(rows[0][key])]) for key in rows[0]
    ]
    data = [{f"{name}/{key}": value for key, value in row.items()} for row in rows]
    key = {"@id": f"{name}/{next(iter(rows[0]))}"}
    return _node("RecordSet", name, dataType=kind, key=key, field=fields, data=data)


def _field(place: str, kind: str, source: Node, **more: object) -> Node:
    return _node("Field", place, dataType=kind, source=source, **more)


def _picture(records: str) -> Node:
    """Return the field of the pictures that are files."""
    source = {"fileSet": {"@id": _PICTURES}, "extract": {"fileProperty": "content"}}
    return _field(f"{records}/image", "sc:ImageObject", source)


def _column(name: str, kind: Any, within: str = "") -> Node:  # noqa: ANN401  (a type of polars)
    """Return the field of a table's column, or of a part of the struct that a column has."""
    place = f"{_ALBUMS}/{within}/{name}" if within else f"{_ALBUMS}/{name}"
    source: Node = {"fileSet": {"@id": _TABLE}, "extract": {"column": within or name}}
    if within:
        source["transform"] = {"jsonPath": name}
    if isinstance(kind, pl.Struct) and name == _IMAGE:
        return _field(place, "sc:ImageObject", {**source, "transform": {"jsonPath": "bytes"}})
    if isinstance(kind, pl.Struct):
        parts = [_column(each.name, each.dtype, name) for each in kind.fields]
        return _node("Field", place, subField=parts)
    more: Node = {}
    if isinstance(kind, pl.List):
        kind, more = kind.inner, {"isArray": True, "arrayShape": "-1"}
    return _field(place, _TYPES.get(str(kind), "sc:Text"), source, **more)


def _joined(field: Node) -> Node:
    """Return a field of a folder's table; that of the file's name leads to the picture."""
    if field["name"] != "file_name":
        return field
    source = {**field["source"], "transform": {"regex": "^(?:.*/)?([^/]+)$"}}
    to = {"fileSet": {"@id": _PICTURES}, "extract": {"fileProperty": "filename"}}
    return {**field, "source": source, "references": to}
