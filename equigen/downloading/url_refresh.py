"""Write the best URL of each cover to the TSV: a fresh one, or that of another source."""

import threading
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from equigen.dataset.context import Context
from equigen.dataset.table import change_cells, map_table, rewrite_column
from equigen.dataset.tsv import reading_tsv
from equigen.downloading.jobs import Job
from equigen.downloading.policy import FAR_FROM_SQUARE, preferred
from equigen.errors import EquigenError, HttpStatusError
from equigen.http.client import Client
from equigen.identity.pictures import clean_url, picture_key
from equigen.ledger.ledger import Ledger
from equigen.ledger.models import Cover
from equigen.output import tell
from equigen.schema import join_list, split_list
from equigen.sources.base import Renewer, client_of, open_renewer

_MORE: Final = "more_images"
_GONE = frozenset({404, 410})


@dataclass(slots=True)
class UrlRefresher:
    """Client of sources that can give new URLs; safe for use from several threads. Close it.

    Each source's own limits apply. `troubles` collects why a source can't be asked.
    """

    context: Context
    troubles: list[str] = field(default_factory=list)
    _sources: dict[str, tuple[Renewer, Client] | None] = field(default_factory=dict)
    _given: set[int] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stopped: bool = False

    def can_refresh(self, job: Job) -> bool:
        """Tell whether the job's source can be asked for a new URL.

        A URL that this run was given has not expired: to ask again would never end where a source
        has another picture each time.
        """
        if hash(job.url) in self._given or not (source := self._source(job.album_id)):
            return False
        return bool(source[0].renewal(job.album_id, job.picture))

    def new_url(self, job: Job) -> str:
        """Return the URL that the job's picture has now; "" where it has none any more.

        Raises:
            FetchError, HostRestsError, CredentialsError: the source gave no answer.
            StoppedError: `stop` was called.

        """
        source = self._source(job.album_id)
        request = source and source[0].renewal(job.album_id, job.picture)
        if not (source and request):
            return ""
        renewer, client = source
        try:
            url = client.get(
                request.url,
                lambda answer: renewer.renewed(job.picture, answer.body, url=answer.url),
                params=request.params,
            )
        except HttpStatusError as err:
            if err.status not in _GONE:
                raise
            url = ""
        url = client.hide(url)
        with self._lock:
            self._given.add(hash(url))
        message = f"{job.path}: asked for its address"
        tell("address renewed", message, path=job.path, found=bool(url))
        return url

    def stop(self) -> None:
        """End all waits, now and later."""
        with self._lock:
            self._stopped = True
            for _, client in filter(None, self._sources.values()):
                client.stop()

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            for _, client in filter(None, self._sources.values()):
                client.close()

    def _source(self, album_id: str) -> tuple[Renewer, Client] | None:
        name = album_id.partition(":")[0]
        with self._lock:
            if name not in self._sources:
                self._sources[name] = None
                try:
                    renewer = open_renewer(album_id, self.context.config)
                except EquigenError as err:
                    self.troubles.append(f"expired addresses can't be renewed: {err}")
                    return None
                if renewer:
                    client = client_of(renewer, self.context)
                    self._sources[name] = renewer, client
                    if self._stopped:
                        client.stop()
            return self._sources[name]


class Switch(NamedTuple):
    """Change of a row to another address of its cover: `row` is its place in the TSV, from 0.

    `before` is what came of the address that it had, if it could not be had or is far from square.
    """

    row: int
    album_id: str
    url: str
    before: Cover | None


def prefer_addresses(context: Context, ledger: Ledger) -> list[Switch]:
    """Let each row with several addresses of its cover begin with the best; return what changed.

    Raises:
        InputError: the TSV is broken.
        StorageError: the disk refuses.

    """
    with reading_tsv(context.tsv) as tsv:
        if _MORE not in tsv.columns:
            return []
    prefer, poor = context.settings.download.prefer, ledger.poor_covers(FAR_FROM_SQUARE)
    switches, new, row = list[Switch](), dict[tuple[str, ...], tuple[str, str]](), -1
    columns = ("album_id", "image_url", _MORE)
    for rows in map_table(context.tsv, columns, lambda chunk: chunk.frame.rows()):
        for row, (album_id, cell, more) in enumerate(rows, start=row + 1):  # noqa: B020  (goes on)
            if not more:
                continue
            url = clean_url(cell)
            urls = dict.fromkeys(filter(None, (url, *split_list(more))))
            best = preferred([*urls], poor, prefer)[0]
            if best != url:
                switches.append(Switch(row, album_id, url, poor.get(picture_key(url))))
                others = join_list([each for each in urls if each != best])
                new[album_id, cell, more] = best, others
    if new:
        change_cells(
            context.tsv,
            "album_id",
            ("image_url", _MORE),
            lambda album_id, cells: new.get((album_id, *cells), cells),
        )
    return switches


def write_renewed(context: Context, ledger: Ledger) -> None:
    """Write the new URLs that the ledger has into the rows of the TSV.

    Raises:
        InputError: the TSV is broken.
        StorageError: the disk refuses; the ledger keeps the URLs for the next run.

    """
    renewals = ledger.renewals()
    if renewals:
        rewrite_column(context.tsv, "image_url", lambda urls: urls.replace(renewals))
        ledger.forget_renewals(renewals)
