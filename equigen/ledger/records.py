"""Records of hosts and of near-duplicates: the tables of requests, rests, renewals, pairs."""

import json
from collections.abc import Iterable, Iterator, Mapping

from equigen.ledger.database import Database
from equigen.ledger.models import CoverPair, Rest, StoredLook, read_moment


class HostRecords(Database):
    """The ledger's tables `requests`, `rests` and `renewals`."""

    # Requests a day

    def requests_on(self, host: str, day: str) -> int:
        """Return how many requests a host got on a UTC day (YYYY-MM-DD).

        Those of the day after it count as well: where there are any, the clock was set back.
        """
        return self.requests_of(day).get(host, 0)

    def count_request(self, host: str, day: str) -> None:
        """Count one more request to a host on a UTC day."""
        with self._transaction() as db:
            db.execute(
                "INSERT INTO requests VALUES (?, ?, 1)"
                " ON CONFLICT (host, day) DO UPDATE SET count = count + 1",
                (host, day),
            )

    def requests_of(self, day: str) -> dict[str, int]:
        """Return how many requests each host got on a UTC day, counted as `requests_on` does."""
        sql = (
            "SELECT host, sum(count) FROM requests WHERE day IN (?1, date(?1, '+1 day'))"
            " GROUP BY host"
        )
        with self._rows(sql, (day,)) as rows:
            return dict(rows)

    # Hosts that refused us

    def rests(self) -> dict[str, Rest]:
        """Return the hosts that refused us and gave nothing since, also those that rested."""
        with self._rows("SELECT host, since, until, times, why FROM rests") as rows:
            rests = {row[0]: Rest(*row) for row in rows}
            for rest in rests.values():
                read_moment(rest.since)
                read_moment(rest.until)
            return rests

    def record_rest(self, rest: Rest) -> None:
        """Note that a host is left alone, in place of its last rest."""
        with self._transaction() as db:
            db.execute("INSERT OR REPLACE INTO rests VALUES (?, ?, ?, ?, ?)", rest)

    def end_rest(self, host: str) -> None:
        """Note that a host gives pictures again."""
        with self._transaction() as db:
            db.execute("DELETE FROM rests WHERE host = ?", (host,))

    # Addresses that changed

    def renewals(self) -> dict[str, str]:
        """Return the new addresses of pictures that are not in the TSV yet, by the old ones."""
        with self._rows("SELECT url, new_url FROM renewals") as rows:
            return dict(rows)

    def record_renewal(self, url: str, new_url: str) -> None:
        """Note that the rows with this address are to have another one."""
        with self._transaction() as db:
            db.execute("INSERT OR REPLACE INTO renewals VALUES (?, ?)", (url, new_url))

    def forget_renewals(self, urls: Iterable[str]) -> None:
        """Note that the TSV has the new addresses in place of these."""
        with self._transaction() as db:
            db.executemany("DELETE FROM renewals WHERE url = ?", [(url,) for url in urls])


class LikenessRecords(Database):
    """The ledger's tables `looks`, `pairs` and `alike`."""

    def looks(self) -> Iterator[StoredLook]:
        """Yield all descriptors, in the order in which they were made."""
        with self._rows("SELECT sha256, look FROM looks ORDER BY seq") as rows:
            yield from map(StoredLook._make, rows)

    def looked_at(self) -> set[str]:
        """Return the sha256 of each file with a descriptor."""
        with self._rows("SELECT sha256 FROM looks") as rows:
            return {digest for (digest,) in rows}

    def looks_of(self, digests: Iterable[str]) -> dict[str, bytes]:
        """Return the descriptors of these files, by their sha256."""
        sql = "SELECT sha256, look FROM looks WHERE sha256 IN (SELECT value FROM json_each(?))"
        with self._rows(sql, (json.dumps(list(digests)),)) as rows:
            return dict(rows)

    def compared(self) -> Iterator[CoverPair]:
        """Yield all pairs that were ever compared, also those that are unalike."""
        sql = "SELECT first, second, distance, likeness, is_alike FROM pairs ORDER BY first, second"
        with self._rows(sql) as rows:
            for first, second, distance, likeness, is_alike in rows:
                yield CoverPair(first, second, distance, likeness, bool(is_alike))

    def cover_pairs(self) -> list[CoverPair]:
        """Return the covers that look alike, two by two, ordered by their sha256."""
        sql = "SELECT first, second, distance, likeness FROM pairs WHERE is_alike"
        with self._rows(f"{sql} ORDER BY first, second") as rows:
            return [CoverPair(*row) for row in rows]

    def cover_groups(self) -> dict[str, str]:
        """Return the name of each file's group of look-alikes, by its sha256."""
        with self._rows("SELECT sha256, group_name FROM alike") as rows:
            return dict(rows)

    def record_pairs(self, pairs: Iterable[CoverPair]) -> None:
        """Add pairs that were compared to those of before."""
        with self._transaction() as db:
            db.executemany("INSERT OR REPLACE INTO pairs VALUES (?, ?, ?, ?, ?)", pairs)

    def forget_pairs(self) -> None:
        """Forget all compared pairs; the descriptors stay."""
        with self._transaction() as db:
            db.execute("DELETE FROM pairs")

    def record_groups(self, groups: Mapping[str, str]) -> None:
        """Replace the groups of look-alikes: the name of each file's, by its sha256."""
        with self._transaction() as db:
            db.execute("DELETE FROM alike")
            db.executemany("INSERT INTO alike VALUES (?, ?)", groups.items())
