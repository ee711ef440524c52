"""Tables that a benchmark writes into a page, between two markers."""

from __future__ import annotations

from pathlib import Path


def write_between(page: Path, begin: str, end: str, text: str) -> None:
    """Replace what stands between two markers of a page.

    Raises:
        SystemExit: the page lacks them.
    """
    whole = page.read_text(encoding="utf-8")
    before, begun, rest = whole.partition(begin)
    _, ended, after = rest.partition(end)
    if not begun or not ended:
        raise SystemExit(f"{page} has no place for the table: {begin} ... {end}")
    page.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")
