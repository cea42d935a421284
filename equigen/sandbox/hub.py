"""A Hugging Face Hub on loopback: repositories of datasets, as its clients write and read them."""

import base64
import hashlib
import json
import re
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any, Final

from equigen.sandbox.handlers import Hit, Hook, Reply, answer_json
from equigen.sandbox.loopback import Loopback

_MOST_REGULAR_BYTES: Final = 10 * 1024 * 1024
_ATTRIBUTES: Final = b"*.parquet filter=lfs diff=lfs merge=lfs -text\n"
_LARGE: Final = (".parquet", ".tar", ".jpg", ".png", ".webp")
_PATH: Final = re.compile(
    r"/(?:api/)?datasets/([\w.-]+/[\w.-]+?)(\.git/info/lfs/objects/batch|/.*)?"
)
_RANGE: Final = re.compile(r"bytes=(\d+)-(\d*)")


@dataclass(frozen=True, slots=True)
class Blob:
    """A file's bytes, and whether they lie in the store of large files."""

    body: bytes = field(repr=False)
    is_large: bool

    @property
    def sha256(self) -> str:
        """The digest of a large file's bytes."""
        return hashlib.sha256(self.body).hexdigest()

    @property
    def oid(self) -> str:
        """The digest by which git calls it; of a large file, that of its pointer."""
        return _git_oid(_pointer(self) if self.is_large else self.body)


@dataclass(slots=True)
class Repository:
    """A dataset's repository: its commits, oldest first, each with all its files."""

    private: bool = False
    gated: str | bool = False
    commits: list[tuple[str, Mapping[str, Blob]]] = field(default_factory=list)

    @property
    def files(self) -> Mapping[str, bytes]:
        """The files of the last commit."""
        return {path: blob.body for path, blob in self.commits[-1][1].items()}

    def add(self, files: Mapping[str, Blob]) -> str:
        """Add a commit that has these files, and return its id."""
        self.commits.append((secrets.token_hex(20), dict(files)))
        return self.commits[-1][0]


class HubSandbox(Loopback):
    """Serve a Hub while the `with` block lasts: `HF_ENDPOINT` is its `base_url`.

    Attributes:
        token: the only token that it knows; it may write to repositories of `owners`.
        repositories: by "OWNER/NAME"; `objects` has the bytes of large files by sha256.
        fault: a callable that sees each request before it has an effect, and may answer it.

    """

    most_body_bytes = 1 << 30

    def __init__(
        self,
        *,
        token: str = "hf_sandboxtoken",  # noqa: S107 - opens nothing but this server
        owners: tuple[str, ...] = ("covers",),
        page_entries: int = 1000,
        fault: Hook | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the token, the owners that it may write for, and the files of a page of a list."""
        super().__init__(latency_s=0, clock=clock)
        self.token, self.owners, self.fault = token, owners, fault
        self.repositories: dict[str, Repository] = {}
        self.objects: dict[str, bytes] = {}
        self._page_entries = page_entries
        self._lock = threading.Lock()

    def answer(self, hit: Hit) -> Reply:
        """Answer one request."""
        if self.fault and (reply := self.fault(hit)):
            return reply
        with self._lock:
            return self._answer(hit)

    def _answer(self, hit: Hit) -> Reply:
        if hit.path.startswith("/lfs/"):
            return self._store(hit.path.rpartition("/")[2], hit.body)
        is_known = hit.headers.get("authorization") == f"Bearer {self.token}"
        if "authorization" in hit.headers and not is_known:
            return _refusal(401, "Invalid credentials in Authorization header")
        if hit.path == "/api/validate-yaml":
            return answer_json(200, {"errors": [], "warnings": []})
        if hit.path == "/api/repos/create":
            return self._create(json.loads(hit.body), is_known=is_known)
        return self._of_repository(hit, is_known=is_known)

    def _of_repository(self, hit: Hit, *, is_known: bool) -> Reply:
        found = _PATH.fullmatch(hit.path)
        repository = self.repositories.get(found[1]) if found else None
        if not found or not repository or (repository.private and not is_known):
            return _refusal(404 if is_known else 401, "Repository not found", "RepoNotFound")
        name, rest = found[1], (found[2] or "").strip("/")
        action, _, of = rest.partition("/")
        reads = {"": self._info, "revision": self._info, "tree": self._tree,
                 "resolve": self._file, "paths-info": self._paths}  # fmt: skip
        if action in reads:
            return reads[action](hit, name, of)
        if not is_known or name.partition("/")[0] not in self.owners:
            return _refusal(403, f"You don't have the rights to write to {name}")
        writes = {"preupload": self._modes, "commit": self._commit, "settings": self._settings,
                  ".git": self._batch}  # fmt: skip
        return writes[action](json_lines(hit.body), name)

    def _create(self, asked: Mapping[str, Any], *, is_known: bool) -> Reply:
        name = f"{asked['organization']}/{asked['name']}"
        if not is_known or asked["organization"] not in self.owners:
            return _refusal(403, f"You don't have the rights to create {name}")
        if name in self.repositories:
            return _refusal(409, "You already created this dataset repo")
        made = self.repositories[name] = Repository(asked.get("visibility") == "private")
        made.add({".gitattributes": Blob(_ATTRIBUTES, is_large=False)})
        return answer_json(200, {"url": f"{self.base_url}/datasets/{name}", "name": name})

    def _settings(self, asked: list[Any], name: str) -> Reply:
        repository = self.repositories[name]
        repository.gated = asked[0].get("gated", repository.gated)
        if "visibility" in asked[0]:
            repository.private = asked[0]["visibility"] == "private"
        return answer_json(200, {})

    def _modes(self, asked: list[Any], name: str) -> Reply:
        repository = self.repositories[name]
        there = repository.commits[-1][1]
        files = [
            {
                "path": each["path"],
                "uploadMode": "lfs" if _is_large(each["path"], each["size"]) else "regular",
                "shouldIgnore": False,
                "oid": there[each["path"]].oid if each["path"] in there else None,
            }
            for each in asked[0]["files"]
        ]
        return answer_json(200, {"files": files})

    def _batch(self, asked: list[Any], _: str) -> Reply:
        objects = []
        for each in asked[0]["objects"]:
            to = {"upload": {"href": f"{self.base_url}/lfs/{each['oid']}"}}
            is_there = each["oid"] in self.objects
            objects.append({**each, **({} if is_there else {"actions": to})})
        return answer_json(200, {"transfer": "basic", "objects": objects})

    def _store(self, oid: str, body: bytes) -> Reply:
        if hashlib.sha256(body).hexdigest() != oid:
            return _refusal(400, "The bytes aren't those that were announced")
        self.objects[oid] = body
        return Reply(200)

    def _commit(self, asked: list[Any], name: str) -> Reply:
        repository = self.repositories[name]
        head, files = repository.commits[-1][0], dict(repository.commits[-1][1])
        for each in asked:
            value = each["value"]
            match each["key"]:
                case "header" if value.get("parentCommit", head) != head:
                    return _refusal(412, "A commit has happened since")
                case "file":
                    body = base64.b64decode(value["content"])
                    files[value["path"]] = Blob(body, is_large=False)
                case "lfsFile" if value["oid"] not in self.objects:
                    return _refusal(400, "A large file that was not uploaded")
                case "lfsFile":
                    files[value["path"]] = Blob(self.objects[value["oid"]], is_large=True)
                case "deletedFile" if files.pop(value["path"], None) is None:
                    return _refusal(404, "A file with this name doesn't exist", "EntryNotFound")
        oid = repository.add(files)
        url = f"{self.base_url}/datasets/{name}/commit/{oid}"
        return answer_json(200, {"commitUrl": url, "commitOid": oid})

    def _files_at(self, name: str, revision: str) -> tuple[str, Mapping[str, Blob]]:
        """Return a commit; without a revision's id, the last one."""
        commits = self.repositories[name].commits
        return next((each for each in commits if each[0] == revision), commits[-1])

    def _info(self, _: Hit, name: str, revision: str) -> Reply:
        oid, files = self._files_at(name, revision)
        repository = self.repositories[name]
        return answer_json(
            200,
            {
                "id": name, "sha": oid, "private": repository.private, "gated": repository.gated,
                "siblings": [{"rfilename": path} for path in files], "tags": [], "downloads": 0,
            },
        )  # fmt: skip

    def _tree(self, hit: Hit, name: str, of: str) -> Reply:
        revision, _, folder = of.partition("/")
        _, files = self._files_at(name, revision)
        folders = {str(above) for path in files for above in PurePosixPath(path).parents} - {"."}
        entries = [
            *({"type": "directory", "path": each, "oid": _git_oid(each.encode()), "size": 0}
              for each in sorted(folders)),
            *(_entry(path, blob) for path, blob in sorted(files.items())),
        ]  # fmt: skip
        is_deep = hit.query.get("recursive", ["false"])[0].lower() in {"true", "1"}
        there = [
            each
            for each in entries
            if each["path"].startswith(f"{folder}/" if folder else "")
            and (is_deep or str(PurePosixPath(each["path"]).parent) == (folder or "."))
        ]
        if folder and folder not in folders:
            return _refusal(404, f"{folder} does not exist", "EntryNotFound")
        at = int(hit.query.get("cursor", ["0"])[0])
        reply = answer_json(200, there[at : at + self._page_entries])
        if at + self._page_entries >= len(there):
            return reply
        more = f"recursive={is_deep}&cursor={at + self._page_entries}"
        link = f'<{self.base_url}{hit.path}?{more}>; rel="next"'
        return replace(reply, headers={**reply.headers, "Link": link})

    def _paths(self, hit: Hit, name: str, revision: str) -> Reply:
        _, files = self._files_at(name, revision)
        asked = hit.form.get("paths") or json.loads(hit.body).get("paths", [])
        return answer_json(200, [_entry(path, files[path]) for path in asked if path in files])

    def _file(self, hit: Hit, name: str, of: str) -> Reply:
        revision, _, path = of.partition("/")
        oid, files = self._files_at(name, revision)
        if path not in files:
            return _refusal(404, f"{path} does not exist", "EntryNotFound")
        blob = files[path]
        etag = blob.sha256 if blob.is_large else blob.oid
        headers = {"ETag": f'"{etag}"', "X-Repo-Commit": oid, "Accept-Ranges": "bytes"}
        if not (part := _RANGE.fullmatch(hit.headers.get("range", ""))):
            return Reply(200, headers, blob.body)
        first, last = int(part[1]), int(part[2] or len(blob.body) - 1)
        body = blob.body[first : last + 1]
        told = f"bytes {first}-{first + len(body) - 1}/{len(blob.body)}"
        return Reply(206, {**headers, "Content-Range": told}, body)


def json_lines(body: bytes) -> list[Any]:
    """Return the values of a body of JSON, one or one a line."""
    return [json.loads(line) for line in body.splitlines() if line.strip()]


def _is_large(path: str, size_bytes: int) -> bool:
    return bool(size_bytes) and (path.endswith(_LARGE) or size_bytes > _MOST_REGULAR_BYTES)


def _entry(path: str, blob: Blob) -> dict[str, Any]:
    large = {"oid": blob.sha256, "size": len(blob.body), "pointerSize": len(_pointer(blob))}
    told = {"type": "file", "path": path, "oid": blob.oid, "size": len(blob.body)}
    return {**told, **({"lfs": large} if blob.is_large else {})}


def _pointer(blob: Blob) -> bytes:
    """Return the pointer of a large file: https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md."""
    head = "version https://git-lfs.github.com/spec/v1"
    return f"{head}\noid sha256:{blob.sha256}\nsize {len(blob.body)}\n".encode()


def _git_oid(body: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(body) + body, usedforsecurity=False).hexdigest()


def _refusal(status: int, message: str, code: str = "") -> Reply:
    told = {"X-Error-Message": message, **({"X-Error-Code": code} if code else {})}
    reply = answer_json(status, {"error": message})
    return replace(reply, headers={**reply.headers, **told})
