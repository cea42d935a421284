"""A table of a damaged file, read around whatever is damaged.

What can't be read is a page of it, and with it a range of keys: behind it rows begin again.
"""

import sqlite3
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

Row = tuple[object, ...]

# After so many halvings in a row that gave nothing, what lies there is given up.
_MOST_FRUITLESS = 6
# Keys of text are taken as numbers of so many bytes, and told apart by so many.
_KEY_BYTES, _APART_BYTES = 240, 128
_LAST_TEXT = int.from_bytes(b"\xf4" * _KEY_BYTES)  # no text of UTF-8 is behind it
_LAST_NUMBER = 2**63 - 1
# What is looked for lies at a distance that is 16 times as large each time.
_STEP_BITS = 4


@dataclass(frozen=True, slots=True)
class _Stop:
    """Where reading stopped: at what is damaged or behind the last row, and the last key."""

    is_damage: bool
    last: int | None = None


@dataclass(frozen=True, slots=True)
class _Found:
    """A row behind what is damaged, and its key."""

    key: int
    row: Row


class DamagedTable:
    """A table of a file that is read as it is, with some of its columns, in the order of its key.

    The first column of the key is text or, as `rowid`, a number from 0.
    """

    def __init__(self, db: sqlite3.Connection, name: str, columns: str, key: Sequence[str]) -> None:
        self.is_whole = True
        self._db = db
        self._is_number = tuple(key) == ("rowid",)
        self._last = _LAST_NUMBER if self._is_number else _LAST_TEXT
        self._step = 1 if self._is_number else 1 << 8 * (_KEY_BYTES - _APART_BYTES)
        place = "?" if self._is_number else "CAST(? AS TEXT)"
        select = f"SELECT {key[0]}, {columns} FROM {name}"  # noqa: S608  (our own names)
        between = f"WHERE {key[0]} >= {place} AND {key[0]} <= {place}"
        self._all = f"{select} ORDER BY {', '.join(key)}"
        self._up = f"{select} {between} ORDER BY {', '.join(key)}"
        self._down = f"{select} {between} ORDER BY {', '.join(f'{each} DESC' for each in key)}"

    def rows(self) -> Iterator[Row]:
        """Yield all rows that can be read; some may come twice. Sets `is_whole`."""
        stop = yield from self._read(self._all)
        self.is_whole = not stop.is_damage
        low = stop.last or 0
        while stop.is_damage:
            found = self._beyond(low)
            yield from self._between(low, found.key if found else self._last)
            if not found:
                return
            yield found.row
            stop = yield from self._read(self._up, found.key, self._last)
            low = max(found.key, stop.last or 0)

    def _beyond(self, low: int) -> _Found | None:
        """Return a row behind `low` that can be read, None where there is none."""
        step = self._step
        while low + step < self._last:
            given = (self._value(low + step), self._value(self._last))
            with suppress(sqlite3.DatabaseError):
                first = self._db.execute(f"{self._up} LIMIT 1", given).fetchone()
                if first and low + step <= self._key_of(first[0]) <= self._last:
                    return _Found(self._key_of(first[0]), tuple(first[1:]))
            step <<= _STEP_BITS
        return None

    def _between(self, least: int, most: int) -> Iterator[Row]:
        """Yield rows from both ends of a range to what is damaged, then of its halves."""
        todo = [(least, most, 0)]
        while todo:
            low, high, fruitless = todo.pop()
            first = yield from self._read(self._up, low, high)
            if not first.is_damage:
                continue
            last = yield from self._read(self._down, low, high)
            if not last.is_damage:
                continue
            came_any = first.last not in {None, low} or last.last not in {None, high}
            fruitless = 0 if came_any else fruitless + 1
            low = low if first.last is None else first.last
            high = high if last.last is None else last.last
            middle = (low + high) // 2
            if fruitless < _MOST_FRUITLESS and low < middle < high:
                todo += [(middle, high, fruitless), (low, middle, fruitless)]

    def _last_of(self, low: int, high: int) -> int | None:
        """Return the last key of a range, read from its end."""
        given = (self._value(low), self._value(high))
        row = self._db.execute(f"{self._down} LIMIT 1", given).fetchone()
        return self._key_of(row[0]) if row else None

    def _read(
        self, sql: str, low: int | None = None, high: int | None = None
    ) -> Generator[Row, None, _Stop]:
        """Yield rows up to what is damaged, of all keys or those between two.

        A key that wasn't asked for is damaged itself, and no place to go on from.
        """
        given = () if low is None or high is None else (self._value(low), self._value(high))
        least, most = low or 0, self._last if high is None else high
        last: int | None = None
        try:
            for value, *row in self._db.execute(sql, given):
                key = self._key_of(value)
                if least <= key <= most:
                    last = key
                yield tuple(row)
            # A page that leads elsewhere now may end them early, as if there were no more.
            is_damage = sql != self._down and self._last_of(least, most) != last
        except sqlite3.DatabaseError:
            is_damage = True
        return _Stop(is_damage, last)

    def _key_of(self, value: object) -> int:
        """Return a key as a number, -1 for one that can't be."""
        if self._is_number:
            return value if isinstance(value, int) else -1
        if not isinstance(value, str):
            return -1
        text = value.encode(errors="surrogateescape")[:_KEY_BYTES]
        return int.from_bytes(text.ljust(_KEY_BYTES, b"\0"))

    def _value(self, key: int) -> int | bytes:
        """Return a key as SQL takes it."""
        return key if self._is_number else key.to_bytes(_KEY_BYTES).rstrip(b"\0")
