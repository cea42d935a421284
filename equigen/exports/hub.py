"""Publish an export to the Hugging Face Hub: as one commit, with nothing sent twice.

Large files are sent first, and the Hub keeps them; then one commit puts all in place, and removes
the files of an earlier publication that the export no longer has. A run that was killed goes on:
what the Hub has isn't sent again. The token is that of HF_TOKEN or of the hub's own login.
"""

import hashlib
import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn
from urllib.parse import urlsplit

from equigen.dataset.context import Context
from equigen.errors import (
    ConfigError,
    ConnectionFailedError,
    CredentialsError,
    EquigenError,
    FetchError,
    HttpStatusError,
    UsageError,
    shortened,
)
from equigen.exports.building import LIST, known_files
from equigen.exports.publishing import (
    TRANSIENT,
    ExportFile,
    Outcome,
    Publication,
    T,
    require_same,
    with_retries,
)
from equigen.http.addresses import Censor
from equigen.http.limits import is_loopback, retry_after_s
from equigen.logfile import log_under_way

if TYPE_CHECKING:
    from huggingface_hub import HfApi, RepoFile

# https://huggingface.co/docs/huggingface_hub/package_reference/hf_api: files of a commit.
_MOST_FILES: Final = 25_000
# Files that are sent between two steps of the bar.
_BATCH: Final = 50
_NAME: Final = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
# Files that the Hub puts into each repository.
_HUBS_OWN: Final = frozenset({".gitattributes"})
_KIND: Final = "dataset"
_QUOTED_CHARS: Final = 300


def check_name(name: str) -> None:
    """Refuse a name that no repository can have.

    Raises:
        UsageError: it has none of that form.

    """
    if (
        not _NAME.fullmatch(name)
        or "--" in name
        or ".." in name
        or name.endswith((".git", "-", "."))
    ):
        msg = (
            f"publish hub {name!r}: expected ORG/NAME, the owner and the dataset, of letters,"
            " digits, `-`, `_` and `.`, such as my-lab/album-covers."
        )
        raise UsageError(msg)


def publish_to_hub(
    context: Context, publication: Publication, name: str, *, private: bool, gated: bool
) -> Outcome:
    """Publish an export as the dataset called `name`, ORG/NAME, on the Hub.

    Raises:
        UsageError: there are other files in the repository, or too many in the export.
        ConfigError: huggingface_hub isn't installed, or is told to stay offline.
        CredentialsError: there is no token, it is refused, or it must not write there.
        HostRestsError, FetchError: the Hub doesn't answer as it should, after all tries.

    """
    if len(publication.files) > _MOST_FILES:
        msg = (
            f"{publication.folder}: {len(publication.files):,} files; the Hub takes {_MOST_FILES:,}"
            " in a commit. Nothing was sent. Publish shards: `--format parquet` or `webdataset`."
        )
        raise UsageError(msg)
    with _opened(context) as hub:
        return _Repository(context, hub, name).publish(publication, private=private, gated=gated)


@dataclass(frozen=True, slots=True)
class _Hub:
    """The Hub's client, with what is needed to tell of its errors."""

    api: "HfApi"
    censor: Censor

    def translate(self, err: Exception, name: str) -> NoReturn:
        """Raise one of our errors for one of the library's.

        Raises:
            CredentialsError: the token is refused.
            FetchError: anything else.

        """
        from huggingface_hub.errors import HfHubHTTPError, HTTPError  # noqa: PLC0415  (heavy)

        url = f"{self.api.endpoint}/datasets/{name}"
        while isinstance(err, RuntimeError) and isinstance(err.__cause__, Exception):
            err = err.__cause__  # the library's threads wrap what ended them
        if isinstance(err, EquigenError):
            raise err
        said = shortened(self.censor.clean(" ".join(str(err).split())), _QUOTED_CHARS)
        if isinstance(err, HfHubHTTPError):
            status = err.response.status_code
            _refuse_credentials(status, url)
            msg = f"{url}: the Hub refuses (HTTP {status}): {said} What was sent is kept there."
            raise HttpStatusError(msg, url=url, status=status) from None
        kind = (
            ConnectionFailedError if isinstance(err, (HTTPError, ConnectionError)) else FetchError
        )
        msg = f"{url}: expected an answer of a Hub, got {type(err).__name__}: {said}"
        raise kind(msg, url=url) from None


def _refuse_credentials(status: int, url: str) -> None:
    """Raise an error where a status says that the token is refused."""
    if status == 401:  # noqa: PLR2004
        msg = (
            "authentication failed (401): check HF_TOKEN, or log in anew with `hf auth login`."
            f" https://huggingface.co/settings/tokens lists your tokens. {url} refused it."
        )
        raise CredentialsError(msg)
    if status == 403:  # noqa: PLR2004
        msg = (
            f"{url}: no permission to write there (403). Expected a token with the role `write`, of"
            " a member of the organization. Name a dataset of your own, or take another token"
            " (HF_TOKEN)."
        )
        raise CredentialsError(msg)


@contextmanager
def _opened(context: Context) -> Iterator[_Hub]:
    """Open the Hub's client: the token goes to the Hub alone, and waiting is ours.

    Raises:
        ConfigError: huggingface_hub isn't installed, or is told to stay offline.
        CredentialsError: there is no token.

    """
    try:
        import huggingface_hub  # noqa: PLC0415  (of an extra, and heavy)
        from huggingface_hub import constants, utils  # noqa: PLC0415
    except ImportError as err:
        msg = (
            f"publish hub: needs {err.name}, which isn't installed. Install it: `pip install"
            " 'equigen[hub]'`."
        )
        raise ConfigError(msg) from err
    endpoint = urlsplit(constants.ENDPOINT)
    if endpoint.scheme != "https" and not is_loopback(endpoint.hostname or ""):
        msg = (
            f"HF_ENDPOINT: expected https://, got {Censor().clean(constants.ENDPOINT)!r}: the token"
            " would be readable on its way."
        )
        raise ConfigError(msg)
    if huggingface_hub.is_offline_mode():
        msg = "HF_HUB_OFFLINE is set: the Hub isn't asked. Nothing was sent. Unset it."
        raise ConfigError(msg)
    token = (huggingface_hub.get_token() or "").strip()
    if not (token and token.isascii() and token.isprintable()):
        msg = (
            "publish hub: there is no token; expected one in HF_TOKEN, or that of `hf auth login`."
            " https://huggingface.co/settings/tokens makes one with the role `write`."
        )
        raise CredentialsError(msg)
    if log := log_under_way():
        log.hide([*context.config.credentials.secrets(), token])
    noisy, library = logging.getLogger("httpx2"), logging.getLogger("huggingface_hub")
    before, library_before = noisy.level, library.level
    shows_bars = not utils.are_progress_bars_disabled()
    # Addresses of uploads are signed; what is retried is told by us.
    noisy.setLevel(logging.WARNING)
    library.setLevel(logging.CRITICAL)
    utils.disable_progress_bars()
    _use_client(context, constants.ENDPOINT)
    try:
        api = huggingface_hub.HfApi(token=token, library_name="equigen")
        yield _Hub(api, Censor([token]))
    finally:
        _use_client(None, "")
        noisy.setLevel(before)
        library.setLevel(library_before)
        if shows_bars:
            utils.enable_progress_bars()


def _use_client(context: Context | None, endpoint: str) -> None:
    """Let the library make its requests by our client; without a context, by its own."""
    import httpx2  # noqa: PLC0415  (of an extra)
    from huggingface_hub import set_client_factory  # noqa: PLC0415
    from huggingface_hub.utils._http import default_client_factory  # noqa: PLC0415

    if context is None:
        set_client_factory(default_client_factory)
        return
    http, unix = context.settings.http, context.clock.unix
    origin = _origin(httpx2.URL(endpoint))

    timeout = httpx2.Timeout(http.read_timeout_s, connect=http.connect_timeout_s)

    class Client(httpx2.Client):
        """A client whose failures are ours, so that the library doesn't wait and try again."""

        def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:  # noqa: ANN401
            """Send a request.

            Raises:
                ConnectionFailedError: there is no connection, or it was cut off.
                HttpStatusError: the host may answer in another way later.

            """
            where = f"{request.url.scheme}://{request.url.host}"
            request.extensions["timeout"] = timeout.as_dict()  # the library asks for none
            try:
                response = super().send(request, **options)
            except httpx2.HTTPError as err:
                msg = f"{where}: no answer: {str(err) or type(err).__name__}. Is the network there?"
                raise ConnectionFailedError(msg, url=where) from None
            if response.status_code not in TRANSIENT:
                return response
            response.close()
            pause_s = retry_after_s(response.headers.get("retry-after", ""), unix())
            status = response.status_code
            msg = f"{where}: refuses for now (HTTP {status})."
            raise HttpStatusError(msg, url=where, status=status, retry_after_s=pause_s)

    def keep_token(request: httpx2.Request) -> None:
        """Take the token off a request to another host, be it by a redirect or an address."""
        if _origin(request.url) != origin:
            request.headers.pop("authorization", None)

    set_client_factory(
        lambda: Client(
            event_hooks={"request": [keep_token]},
            follow_redirects=True,
            max_redirects=http.max_redirects,
            timeout=timeout,
        )
    )


def _origin(url: Any) -> tuple[str, str, int | None]:  # noqa: ANN401  (a URL of httpx2's)
    return url.scheme, url.host, url.port


@dataclass(slots=True)
class _Repository:
    """A dataset's repository on the Hub."""

    context: Context
    hub: _Hub
    name: str

    @property
    def url(self) -> str:
        """The address of its page."""
        return f"{self.hub.api.endpoint}/datasets/{self.name}"

    def publish(self, publication: Publication, *, private: bool, gated: bool) -> Outcome:
        """Make the repository what the export is, and see that it is.

        Raises:
            EquigenError: as `publish_to_hub` has it.

        """
        self._tried(lambda: self._open(private=private, gated=gated))
        head, there = self._tried(self._tree)
        gone = sorted((self._tried(lambda: self._earlier(there)) - {*publication.files}) & {*there})
        left = _left(publication, there)
        if left or gone:
            self._send(left)
            head, there = self._tried(lambda: self._commit(publication, left, gone))
            require_same(self.url, [each.name for each in _left(publication, there)])
        return Outcome(self.url, left, gone, head)

    def _tried(self, act: Callable[[], T]) -> T:
        """Call a function with the library's errors turned into ours, again where that helps."""

        def translated() -> T:
            try:
                return act()
            except EquigenError:
                raise
            except Exception as err:  # noqa: BLE001  (those of the library have no common root)
                self.hub.translate(err, self.name)

        return with_retries(self.context, translated)

    def _open(self, *, private: bool, gated: bool) -> None:
        """Make the repository, unless it is there, and close it as is wished before files come."""
        from huggingface_hub.errors import RepositoryNotFoundError  # noqa: PLC0415

        api = self.hub.api
        try:
            info = api.dataset_info(self.name)
        except RepositoryNotFoundError as err:
            _refuse_credentials(err.response.status_code, self.url)
            visibility: Literal["private"] | None = "private" if private else None
            api.create_repo(self.name, repo_type=_KIND, visibility=visibility)
            info = api.dataset_info(self.name)
        if private and not info.private:
            api.update_repo_settings(self.name, repo_type=_KIND, visibility="private")
        if gated and not info.gated:
            api.update_repo_settings(self.name, repo_type=_KIND, gated="auto")

    def _tree(self) -> "tuple[str, Mapping[str, RepoFile]]":
        """Return the last commit, and its files by name."""
        from huggingface_hub import RepoFile  # noqa: PLC0415

        api = self.hub.api
        head = str(api.dataset_info(self.name).sha)
        tree = api.list_repo_tree(self.name, recursive=True, revision=head, repo_type=_KIND)
        return head, {each.path: each for each in tree if isinstance(each, RepoFile)}

    def _earlier(self, there: "Mapping[str, RepoFile]") -> set[str]:
        """Return the files of an earlier publication.

        Raises:
            UsageError: there are files, and no export is among them.

        """
        known = set[str]()
        if LIST in there:
            with TemporaryDirectory() as folder:
                self.hub.api.hf_hub_download(
                    self.name, LIST, repo_type=_KIND, local_dir=folder, force_download=True
                )
                known.update(known_files(Path(folder)))
        foreign = sorted(there.keys() - _HUBS_OWN)
        if foreign and not known:
            msg = (
                f"{self.url}: this dataset has files that EquiGen didn't publish, such as"
                f" {foreign[0]}. Nothing was sent. Name another one, or remove them there."
            )
            raise UsageError(msg)
        return known

    def _send(self, files: Sequence[ExportFile]) -> None:
        """Send the large files; the Hub keeps them until they are in a commit."""
        with self.context.bar("publish", sum(each.size_bytes for each in files), "B") as bar:
            for at in range(0, len(files), _BATCH):
                some = files[at : at + _BATCH]
                self._tried(partial(self._send_some, some))
                bar.advance(sum(each.size_bytes for each in some))

    def _send_some(self, files: Sequence[ExportFile]) -> None:
        self.hub.api.preupload_lfs_files(
            self.name, _additions(files), repo_type=_KIND, free_memory=False
        )

    def _commit(
        self, publication: Publication, sent: Sequence[ExportFile], gone: Sequence[str]
    ) -> "tuple[str, Mapping[str, RepoFile]]":
        """Commit the files, unless that happened already and the answer was lost.

        Returns what `_tree` does.
        """
        from huggingface_hub import CommitOperationDelete  # noqa: PLC0415

        head, there = self._tree()
        removed = [each for each in gone if each in there]
        if _left(publication, there) or removed:
            self.hub.api.create_commit(
                self.name,
                [*_additions(sent), *(CommitOperationDelete(each) for each in removed)],
                commit_message=f"Publish {len(publication.files):,} files with EquiGen",
                repo_type=_KIND,
                parent_commit=head,
            )
            head, there = self._tree()
        return head, there


def _additions(files: Sequence[ExportFile]) -> list[Any]:
    """Return the operations of the library that add files, with the digests that are known."""
    from huggingface_hub import CommitOperationAdd  # noqa: PLC0415

    additions = []
    for each in files:
        addition = CommitOperationAdd(each.name, each.path)
        addition.upload_info.sha256 = bytes.fromhex(each.sha256)
        additions.append(addition)
    return additions


def _left(publication: Publication, there: "Mapping[str, RepoFile]") -> list[ExportFile]:
    """Return the files that aren't there with the same bytes."""
    return [
        each
        for name, each in publication.files.items()
        if name not in there or not _is_same(each, there[name])
    ]


def _is_same(file: ExportFile, there: "RepoFile") -> bool:
    if there.size != file.size_bytes:
        return False
    if there.lfs:
        return there.lfs.sha256 == file.sha256
    # git's own name for the bytes of a file
    body = file.path.read_bytes()
    head = b"blob %d\0" % len(body)
    return hashlib.sha1(head + body, usedforsecurity=False).hexdigest() == there.blob_id
