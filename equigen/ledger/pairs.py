"""What the ledger remembers of how covers look, and which look alike."""

import json
from collections.abc import Iterable, Iterator, Mapping

from equigen.ledger.database import Database
from equigen.ledger.models import CoverPair, StoredLook


class LikenessRecords(Database):
    """The ledger's tables `looks`, `pairs` and `alike`."""

    def looks(self) -> Iterator[StoredLook]:
        """Yield how each file looks that was ever looked at, in the order in which they were."""
        with self._rows("SELECT sha256, look FROM looks ORDER BY seq") as rows:
            yield from map(StoredLook._make, rows)

    def looked_at(self) -> set[str]:
        """Return the sha256 of each file that was ever looked at."""
        with self._rows("SELECT sha256 FROM looks") as rows:
            return {digest for (digest,) in rows}

    def looks_of(self, digests: Iterable[str]) -> dict[str, bytes]:
        """Return how some files look, by their sha256; those that were looked at."""
        sql = "SELECT sha256, look FROM looks WHERE sha256 IN (SELECT value FROM json_each(?))"
        with self._rows(sql, (json.dumps(list(digests)),)) as rows:
            return dict(rows)

    def compared(self) -> Iterator[CoverPair]:
        """Yield all files that were ever compared, two by two, also those that are unalike."""
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
        """Return which group of look-alikes a file is in, by its sha256; a group has a name."""
        with self._rows("SELECT sha256, group_name FROM alike") as rows:
            return dict(rows)

    def record_pairs(self, pairs: Iterable[CoverPair]) -> None:
        """Note what files were compared, beside those of before."""
        with self._transaction() as db:
            db.executemany("INSERT OR REPLACE INTO pairs VALUES (?, ?, ?, ?, ?)", pairs)

    def forget_pairs(self) -> None:
        """Forget what was ever compared; how each file looks stays."""
        with self._transaction() as db:
            db.execute("DELETE FROM pairs")

    def record_groups(self, groups: Mapping[str, str]) -> None:
        """Replace the groups of look-alikes: the name of each file's, by its sha256."""
        with self._transaction() as db:
            db.execute("DELETE FROM alike")
            db.executemany("INSERT INTO alike VALUES (?, ?)", groups.items())
