"""Items and what failed of them in the ledger."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from itertools import islice
from typing import Any

from scraper import secrets
from scraper.model import Download, Failure, Item, Reading
from scraper.state import codec
from scraper.state.book import Book
from scraper.state.db import Row

RECORDS = 200
"""Items whose files are looked at together."""
_LAST_RUN = 1 << 40
"""More runs than there will be."""
_KNOWN = "FROM items WHERE (?1 OR gone_run IS NULL) AND (?2 IS NULL OR last_run = ?2) ORDER BY place, rule"


class ItemBook(Book):
    """Items."""

    def _put_item(self, item: Item, read_id: int | None, downloads: list[Download]) -> None:
        """Keeps an item; `read_id` is the reading that gave it, None: a row of a list, which is read once."""
        rank, fields = codec.encode_rank(item.place), secrets.display(codec.dump_record(dict(item.fields)))
        key = secrets.display(item.key)
        known = self.db.row("SELECT * FROM items WHERE rule = ? AND key = ?", item.rule, key)
        if known is not None and not self._wins(known, rank, read_id):
            return
        before = None if known is None else known["before"] if known["last_run"] == self.run else known["fields"]
        first = self.run if known is None else known["first_run"]
        self.db.execute(
            "INSERT INTO items (rule, key, fields, before, url, place, rank, read, first_run, last_run)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (rule, key) DO UPDATE SET fields = excluded.fields,"
            " before = excluded.before, url = excluded.url, place = excluded.place, rank = excluded.rank,"
            " read = excluded.read, last_run = excluded.last_run, gone_run = NULL",
            item.rule, key, fields, before, secrets.display(item.url), self._place(item), rank, read_id,
            first, self.run,
        )  # fmt: skip
        if known is not None:
            self.db.execute("DELETE FROM item_files WHERE rule = ? AND item_key = ?", item.rule, key)
        self.db.many(
            "INSERT OR IGNORE INTO item_files (rule, item_key, position, file_key) VALUES (?, ?, ?, ?)",
            [(item.rule, key, at, secrets.display(each.key)) for at, each in enumerate(downloads)],
        )

    def _place(self, item: Item) -> bytes:
        """Where it stands among the records."""
        start, *way = item.place
        newest = (_LAST_RUN - (self.placed_as or self._number),) if item.rule in self.newest_first else ()
        return codec.encode_place((start, *newest, *way))

    def _wins(self, known: Row, rank: bytes, read_id: int | None) -> bool:
        is_same = read_id is not None and known["read"] == read_id
        return bool(is_same or known["last_run"] != self.run or rank < known["rank"])

    def _forget_items(self, read_id: int, reading: Reading) -> None:
        """Items that an earlier reading of the same page gave, and this one does not."""
        keys = {(item.rule, item.key) for item in reading.items}
        for row in self.db.rows("SELECT id, rule, key FROM items WHERE read = ? AND first_run = ?", read_id, self.run):
            if (row["rule"], row["key"]) not in keys:
                self.db.execute("DELETE FROM items WHERE id = ?", row["id"])
                self.db.execute("DELETE FROM item_files WHERE rule = ? AND item_key = ?", row["rule"], row["key"])

    def add_failure(self, failure: Failure, read_id: int | None = None, kind: str = "item") -> None:
        """Something on a page failed while the page itself did not."""
        self.db.execute(
            "INSERT INTO failures (run, read, kind, url, class, message) VALUES (?, ?, ?, ?, ?, ?)",
            self.run, read_id, kind, secrets.display(failure.url), failure.name, secrets.display(failure.message),
        )  # fmt: skip

    def items_met(self) -> int:
        """Items of this run so far."""
        return int(self.db.value("SELECT count(*) FROM items WHERE last_run = ?", self.run))

    def is_met(self, item: Item) -> bool:
        """Whether this run has met the item already."""
        key = secrets.display(item.key)
        sql = "SELECT 1 FROM items WHERE rule = ? AND key = ? AND last_run = ?"
        return self.db.value(sql, item.rule, key, self.run) is not None

    def is_settled(self, item: Item) -> bool:
        """Whether a complete run has met the item: then everything older than it was finished."""
        sql = "SELECT 1 FROM items WHERE rule = ? AND key = ? AND settled"
        return self.db.value(sql, item.rule, secrets.display(item.key)) is not None

    def has_settled(self, rule: str) -> bool:
        """Whether a complete run has met any item of this rule."""
        return self.db.value("SELECT 1 FROM items WHERE rule = ? AND settled LIMIT 1", rule) is not None

    def settle(self, windows: Collection[str]) -> None:
        """This run is complete: what it met is settled, and what it did not meet is gone.

        Args:
            windows: rules that saw only what is new; of theirs nothing is gone.
        """
        with self.db.transaction():
            self.db.execute("UPDATE items SET settled = 1 WHERE last_run = ? AND NOT settled", self.run)
            self.db.execute(
                "UPDATE items SET gone_run = ? WHERE last_run <> ? AND gone_run IS NULL"
                " AND rule NOT IN (SELECT value FROM json_each(?))",
                self.run, self.run, codec.dump(sorted(windows)),
            )  # fmt: skip

    def records(self, keep_gone: bool, run: str | None = None) -> Iterator[tuple[Row, list[str]]]:
        """Every known item in record order with the paths of its files that stand there; `run`: those it met last."""
        rows = self.db.stream(f"SELECT rule, key, fields, url {_KNOWN}", keep_gone, run)
        while batch := list(islice(rows, RECORDS)):
            keys = [self._file_keys(row) for row in batch]
            stand = self._standing({key for of_item in keys for key in of_item})
            yield from (
                (row, [stand[key] for key in of_item if key in stand]) for row, of_item in zip(batch, keys, strict=True)
            )

    def fields_of_items(self, keep_gone: bool, run: str | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
        """Rule and fields of the items that `records` gives, in the same order."""
        for row in self.db.stream(f"SELECT rule, fields {_KNOWN}", keep_gone, run):
            yield row["rule"], json.loads(row["fields"])

    def _file_keys(self, item: Row) -> list[str]:
        rows = self.db.tuples(
            "SELECT file_key FROM item_files WHERE rule = ? AND item_key = ? ORDER BY position",
            item["rule"], item["key"],
        )  # fmt: skip
        return [key for (key,) in rows]

    def _standing(self, keys: set[str]) -> dict[str, str]:
        """Of the files with these keys those that stand on the disk: where."""
        marks = [codec.key_mark(key) for key in keys]
        named = self.db.tuples(
            "SELECT n.key, n.path FROM json_each(?) j CROSS JOIN names n ON n.id = j.value"
            " WHERE n.newest AND n.complete",
            repr([name for _, name in self._marks.find(marks)]),
        )
        looked = self._look_many([path for _, path in named])
        return {
            key: path
            for (key, path), stood in zip(named, looked, strict=True)
            if stood is not None and not stood.is_folder and key in keys
        }
