"""Publish an export to a store that fsspec opens: s3://, gs://, file:// and others.

`export.json` is removed before the first change and put there last, so that what isn't whole
doesn't look so; `export.part.json` lists the files in between. What is there with the same bytes
isn't sent again, which a store tells by an MD5, or is found by reading.
"""

import base64
import errno
import hashlib
import json
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from urllib.parse import urlsplit

from equigen.dataset.context import Context
from equigen.errors import (
    ConfigError,
    ConnectionFailedError,
    CredentialsError,
    EquigenError,
    FetchError,
    StorageError,
    UsageError,
    shortened,
)
from equigen.exports.building import LIST, Place, refuse_own_place
from equigen.exports.publishing import (
    ExportFile,
    Outcome,
    Publication,
    listed_digests,
    require_same,
    with_retries,
)
from equigen.http.addresses import Censor
from equigen.schema import SETS
from equigen.version import __version__

_PART: Final = "export.part.json"
# Names that an export's files have: no list there, which others may have written, removes others.
_OURS: Final = re.compile(
    rf"(data/)?({'|'.join(SETS)}|validation)[-/]|(README\.md|classes\.txt|index\.json)$"
)
# How s3fs sends a large file: some parts at a time, which it holds in memory, several times each.
_CHUNK_BYTES: Final = 16 * 2**20
_IN_PARTS: Final = {"chunksize": _CHUNK_BYTES, "max_concurrency": 3}
# Smaller files are sent several at a time.
_LARGE_BYTES: Final = 8 * 2**20
_THREADS: Final = 8
_BLOCK_BYTES: Final = 2**20
_QUOTED_CHARS: Final = 300
# What no other try mends.
_FULL: Final = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG}
)
# Names of errors of the libraries of stores that tell of a connection.
_CONNECTION: Final = ("connect", "timeout", "timedout", "endpoint", "ssl", "dns", "disconnected")
_CREDENTIALS: Final = ("credential", "permission", "forbidden", "unauthorized", "tokenretrieval")


def check_url(url: str) -> None:
    """Refuse an address that can't be a store's.

    Raises:
        UsageError: it is none, has a password, or is the Hub's.

    """
    try:
        parts = urlsplit(url)
        password = parts.password
    except ValueError as err:
        msg = f"publish: expected an address such as s3://bucket/prefix: {err}."
        raise UsageError(msg) from err
    if password is not None:
        msg = (
            f"publish {Censor().clean(url)}: a password is in the address, where it would be seen."
            " Give it as the store's library wants it: by the environment, or its own files."
        )
        raise UsageError(msg)
    if not parts.scheme or not (parts.netloc or parts.path.strip("/")) or "::" in url:
        msg = (
            f"publish {url!r}: expected a store's address, such as s3://bucket/prefix, or `hub"
            " ORG/NAME`."
        )
        raise UsageError(msg)
    if parts.scheme in {"hf", "http", "https"}:
        msg = (
            f"publish {url!r}: this is no store that can be written to. Expected s3://, gs://,"
            " file:// or another one; for the Hugging Face Hub, `equigen publish hub ORG/NAME`."
        )
        raise UsageError(msg)


def publish_to_store(context: Context, publication: Publication, url: str) -> Outcome:
    """Publish an export below an address.

    Raises:
        UsageError: other files are there, or it is a place of the dataset.
        ConfigError: a library that the store needs isn't installed.
        CredentialsError: the store refuses.
        StorageError, FetchError: it doesn't do as it should, after all tries.

    """
    with _translating(url):
        try:
            from fsspec.core import url_to_fs  # noqa: PLC0415  (of an extra)
            from fsspec.implementations.local import LocalFileSystem  # noqa: PLC0415

            fs, root = url_to_fs(url, skip_instance_cache=True)
        except ImportError as err:
            extra = "the package that fsspec names"
            extra = "'equigen[s3]'" if "s3" in url.partition(":")[0] or not err.msg else extra
            msg = f"publish {url}: {err.msg or err}. Install {extra} with pip."
            raise ConfigError(msg) from err
        if is_local := isinstance(fs, LocalFileSystem):
            refuse_own_place(context, Path(root), is_folder=True)
            fs.auto_mkdir = True
    store = _Store(context, fs, root.rstrip("/"), url.rstrip("/"), is_local=is_local)
    return store.publish(publication)


@contextmanager
def _translating(url: str) -> Iterator[None]:
    """Turn the errors of a store's library into ours."""
    try:
        yield
    except EquigenError:
        raise
    except Exception as err:  # noqa: BLE001  (each store's library has its own)
        said = shortened(Censor().clean(" ".join(str(err).split())), _QUOTED_CHARS)
        kinds = " ".join(each.__name__.lower() for each in type(err).__mro__)
        what = f"{url}: {type(err).__name__}: {said or 'no reason is given'}"
        if any(each in kinds for each in _CREDENTIALS):
            msg = (
                f"{what}. The store refuses: expected credentials with the right to list, read,"
                " write and delete there, as its own library finds them."
            )
            raise CredentialsError(msg) from None
        if isinstance(err, FileNotFoundError):
            msg = f"{what}. Expected a bucket or folder that is there; EquiGen makes no bucket."
            raise StorageError(msg) from None
        msg = f"{what}. Expected a store that can be written to. Run the same command again then."
        if isinstance(err, OSError) and err.errno in _FULL:
            raise StorageError(msg) from None
        if isinstance(err, OSError) or any(each in kinds for each in _CONNECTION):
            raise ConnectionFailedError(msg, url=url) from None
        raise FetchError(msg, url=url) from None


@dataclass(slots=True)
class _Store:
    """A place in a store: `fs` is fsspec's, `root` its path there."""

    context: Context
    fs: Any
    root: str
    url: str
    is_local: bool

    def publish(self, publication: Publication) -> Outcome:
        """Make the place what the export is, and see that it is.

        Raises:
            EquigenError: as `publish_to_store` has it.

        """
        there = self._files()
        digests, begun = self._listed(there, LIST), self._listed(there, _PART)
        known = {*(digests or {}), *(begun or {})}
        foreign = sorted(there.keys() - {LIST, _PART})
        if digests is None and begun is None and foreign:
            msg = (
                f"{self.url}: files are there that EquiGen didn't publish, such as {foreign[0]}."
                " Nothing was sent. Name an empty place, or remove them."
            )
            raise UsageError(msg)
        files = [each for each in publication.files.values() if each.name != LIST]
        own = publication.files[LIST]
        left = [
            each for each in files if not self._is_same(each, there.get(each.name), digests or {})
        ]
        gone = sorted(filter(_OURS.match, (known - {*publication.files, _PART}) & there.keys()))
        is_listed = self._is_same(own, there.get(LIST), {})
        if not left and not gone and is_listed:
            self._remove([_PART] * (_PART in there))
            return Outcome(self.url, [], [])
        self._begin(sorted({*known, *(each.name for each in files)}), there)
        self._send(left)
        self._remove(gone)
        self._put(own)
        now = self._files()
        require_same(
            self.url,
            [
                each.name
                for each in publication.files.values()
                if each.name not in now or now[each.name]["size"] != each.size_bytes
            ],
        )
        self._remove([_PART])
        return Outcome(self.url, [*left, own], gone)

    def _files(self) -> dict[str, Mapping[str, Any]]:
        """Return what the store tells of the files below the place, by their names there."""

        def find() -> dict[str, Mapping[str, Any]]:
            with _translating(self.url):
                self.fs.invalidate_cache()
                try:
                    found = self.fs.find(self.root, detail=True)
                except FileNotFoundError:
                    found = {}
                    if not self.is_local:
                        self.fs.ls(self.root.partition("/")[0])  # raises where there's no bucket
                return {
                    path.removeprefix(f"{self.root}/"): info
                    for path, info in found.items()
                    if info["type"] == "file"
                }

        found = with_retries(self.context, find)
        if self.root in found:
            msg = f"{self.url}: this is a file; expected a place for several, or one that is free."
            raise UsageError(msg)
        return found

    def _path(self, name: str) -> str:
        return posixpath.join(self.root, name)

    def _listed(self, there: Mapping[str, Any], name: str) -> dict[str, str] | None:
        """Return the digests of the files in a list of ours; None where there is none."""
        if name not in there:
            return None

        def read() -> bytes:
            with _translating(self.url):
                return bytes(self.fs.cat_file(self._path(name)))

        body = with_retries(self.context, read)
        if name == _PART:
            return begun_files(body)
        with TemporaryDirectory() as folder:
            (Path(folder) / LIST).write_bytes(body)
            noted = Place(Path(folder)).noted()
        return dict(listed_digests(noted)) if noted else None

    def _is_same(
        self, file: ExportFile, there: Mapping[str, Any] | None, digests: Mapping[str, str]
    ) -> bool:
        """Tell whether a file is there: by the list there, the store's own MD5, or reading it."""
        if there is None or there["size"] != file.size_bytes:
            return False
        if file.sha256 == digests.get(file.name):
            return True
        told = _md5_told(there)
        if told and told == _md5_of(file, parts=told.partition("-")[2]):
            return True

        def read() -> str:
            digest = hashlib.sha256()
            with _translating(self.url), self.fs.open(self._path(file.name), "rb") as opened:
                while block := opened.read(_BLOCK_BYTES):
                    digest.update(block)
            return digest.hexdigest()

        return with_retries(self.context, read) == file.sha256

    def _begin(self, names: Sequence[str], there: Mapping[str, Any]) -> None:
        """Note which files are or will be there, then take the list away."""
        text = json.dumps({"equigen": __version__, "files": names}, ensure_ascii=False)
        with TemporaryDirectory() as folder:
            path = Path(folder) / _PART
            path.write_text(text, encoding="utf-8")
            body = path.read_bytes()
            self._put(ExportFile(_PART, path, len(body), hashlib.sha256(body).hexdigest()))
        self._remove([LIST] * (LIST in there))

    def _send(self, files: Sequence[ExportFile]) -> None:
        """Send files, small ones several at a time."""
        large = [each for each in files if each.size_bytes >= _LARGE_BYTES]
        small = [each for each in files if each.size_bytes < _LARGE_BYTES]
        with self.context.bar("publish", sum(each.size_bytes for each in files), "B") as bar:
            for each in large:
                self._put(each)
                bar.advance(each.size_bytes)
            with ThreadPoolExecutor(_THREADS) as pool:
                under_way = [(each, pool.submit(self._put, each)) for each in small]
                try:
                    for each, sent in under_way:
                        sent.result()
                        bar.advance(each.size_bytes)
                except BaseException:
                    pool.shutdown(wait=True, cancel_futures=True)
                    raise

    def _put(self, file: ExportFile) -> None:
        """Send a file, and see that it arrived."""
        with_retries(self.context, partial(self._put_once, file))

    def _put_once(self, file: ExportFile) -> None:
        path = self._path(file.name)
        above = Path(path).parent.resolve()
        if self.is_local and not above.is_relative_to(Path(self.root).resolve()):
            msg = (
                f"{self.url}/{file.name}: a link leads out of the place. Remove it, or name another"
                " place."
            )
            raise UsageError(msg)
        with _translating(self.url):
            if self.is_local and self.fs.lexists(path):
                self.fs.rm_file(path)  # a hard link to a file elsewhere must not be written to
            self.fs.put_file(
                str(file.path), path, **(_IN_PARTS if "s3" in self.fs.protocol else {})
            )
            info = self.fs.info(path)
        if not self._is_same(file, info, {}):
            msg = f"{self.url}/{file.name}: arrived with other bytes than were sent."
            raise ConnectionFailedError(msg, url=self.url)

    def _remove(self, names: Sequence[str]) -> None:
        for name in names:
            with_retries(self.context, partial(self._remove_once, name))

    def _remove_once(self, name: str) -> None:
        with _translating(self.url), suppress(FileNotFoundError):
            self.fs.rm_file(self._path(name))


def begun_files(body: bytes) -> dict[str, str] | None:
    """Return the names in a list of begun files, without digests; None where it is none."""
    with suppress(ValueError, RecursionError):
        match json.loads(body):
            case {"files": list(names)}:
                return {each: "" for each in names if isinstance(each, str)}
    return None


def _md5_told(info: Mapping[str, Any]) -> str:
    """Return the MD5 that a store tells of a file, in hex; of parts, S3's, with their number.

    S3: https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html (ETag), Google: md5Hash.
    """
    if isinstance(etag := info.get("ETag"), str):
        return etag.strip('"')
    if isinstance(coded := info.get("md5Hash"), str):
        with suppress(ValueError):
            return base64.b64decode(coded).hex()
    return ""


def _md5_of(file: ExportFile, *, parts: str) -> str:
    """Return a file's MD5 as S3 tells it; "" where it was sent in other parts than ours."""
    whole, digests = hashlib.md5(usedforsecurity=False), b""
    count = -(-file.size_bytes // _CHUNK_BYTES)
    if parts not in ("", str(count)):
        return ""
    with file.path.open("rb") as opened:
        while block := opened.read(_CHUNK_BYTES if parts else _BLOCK_BYTES):
            whole.update(block)
            digests += hashlib.md5(block, usedforsecurity=False).digest() if parts else b""
    if not parts:
        return whole.hexdigest()
    return f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{parts}"
