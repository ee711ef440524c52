"""Overwriting what SQLite leaves of deleted rows in the unused middle of its pages.

``secure_delete`` overwrites a row where it is deleted. But a page that is rebalanced with its
neighbours is rebuilt from its end, and bytes of rows that moved on stay in the gap between the
page's directory and its content (``rebuildPage`` in SQLite's btree.c): a row that is deleted
later is overwritten in its new place only. The gap means nothing to SQLite, so it can be
overwritten under it: https://www.sqlite.org/fileformat2.html#b_tree_pages
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import apsw

    from memkit_sqlite.store import StoreFile

_PAGES_AT_ONCE = 256
_FILE_HEADER = 100
#: The first byte of each kind of b-tree page, and the size of its header. Pages of other
#: kinds start with the number of another page, of which this is the highest byte.
_HEADERS = {2: 12, 5: 12, 10: 8, 13: 8}
_PAGES_MAX = 2 << 24


def scrub(file: StoreFile) -> bool:
    """Overwrite the gaps of all pages; false if the log is not empty, so that nothing was done.

    Nobody can write meanwhile. Those who read may have a page with its old gap in their cache
    and would write it back with their next change of it; so a change is committed at the end,
    at which every connection drops its cache.
    """
    connection = file.connect()
    try:
        connection.execute("BEGIN IMMEDIATE")
        try:
            if file.log_size():
                connection.execute("ROLLBACK")
                return False
            done = _scrub_pages(connection, file)
            connection.execute("UPDATE store SET touches = touches + 1")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    finally:
        connection.close()
    return done


def _scrub_pages(connection: apsw.Connection, file: StoreFile) -> bool:
    import apsw

    size: Any = connection.pragma("page_size")
    pages: Any = connection.pragma("page_count")
    if pages >= _PAGES_MAX:
        return False
    # Through SQLite's own file system: closing a file that was opened beside it would give up
    # the locks that this process holds on it (POSIX).
    flags = apsw.SQLITE_OPEN_MAIN_DB | apsw.SQLITE_OPEN_READWRITE
    raw = apsw.VFSFile("", file.location, [flags, 0])
    try:
        for first in range(0, pages, _PAGES_AT_ONCE):
            count = min(_PAGES_AT_ONCE, pages - first)
            content = raw.xRead(count * size, first * size)
            for start in range(0, len(content), size):
                gap = _gap(content, start, first == 0 and start == 0, size)
                if gap is not None and content.count(0, *gap) != gap[1] - gap[0]:
                    raw.xWrite(bytes(gap[1] - gap[0]), first * size + gap[0])
        raw.xSync(apsw.SQLITE_SYNC_FULL)
    finally:
        raw.xClose()
    return True


def _gap(content: bytes, start: int, is_first: bool, size: int) -> tuple[int, int] | None:
    """Where the gap of a page is; ``None`` for a page that has none."""
    header = start + _FILE_HEADER if is_first else start
    if len(content) < start + size or content[header] not in _HEADERS:
        return None
    cells = int.from_bytes(content[header + 3 : header + 5], "big")
    body = int.from_bytes(content[header + 5 : header + 7], "big") or 65536
    begin, end = header + _HEADERS[content[header]] + 2 * cells, start + body
    # A damaged page is left as it is, for a check to find.
    return (begin, end) if begin <= end <= start + size else None
