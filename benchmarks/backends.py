"""The backends side by side: how fast, how exact, how large.

    python benchmarks/backends.py --json backends-results.json --write docs/backends.md

Each backend is filled through the public interface in a process of its own, with 99 % of the
records in one namespace and 1 % in another, and an embedder that only looks vectors up. Times
are medians in milliseconds of a ``recall`` as a user calls it. Agreement is the share of the
ten exactly nearest records that a dense search returns. ``bulk`` counts until every index is
built that the backend builds for so many, and a first search has been answered. Memory is that of
the process and of the server it uses. Backends to choose from: those below, or any URL, in which
``{folder}`` stands for a new folder.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from _report import circumstances, save
from _tables import write_between
from rich.progress import Progress

BACKENDS = {
    "SQLite": "sqlite://{folder}/memory.db",
    "PostgreSQL": "postgres-embedded://{folder}/pg",
    "Qdrant edge": "qdrant+edge://{folder}/qdrant",
    "Chroma persistent": "chroma://{folder}/chroma",
    "Chroma server": "chroma+serve://{folder}/chroma",
}
SIZES = (10_000, 100_000)
REPEATS = 40
BEGIN, END = "<!-- made by benchmarks/backends.py: begin -->", "<!-- end -->"

_COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("bulk/s", "bulk_per_s", ",.0f"),
    ("store ms", "store_one_ms", ".2f"),
    ("dense all", "dense_all_ms", ".2f"),
    ("1 % ns", "dense_scope_ms", ".2f"),
    ("15 % tag", "dense_tag_ms", ".2f"),
    ("hybrid all", "hybrid_all_ms", ".2f"),
    ("hybrid 1 %", "hybrid_scope_ms", ".2f"),
    ("agree all", "dense_all_agreement", ".3f"),
    ("agree 1 %", "dense_scope_agreement", ".3f"),
    ("agree tag", "dense_tag_agreement", ".3f"),
    ("memory MB", "memory_mb", ",.0f"),
    ("disk MB", "disk_mb", ",.0f"),
)


def measured(name: str, url: str, size: int, repeats: int, parent: Path | None) -> dict[str, Any]:
    """One backend at one size; an ``error`` instead of figures if it could not."""
    script = Path(__file__).with_name("_contest.py")
    with TemporaryDirectory(dir=parent) as folder:
        command = [sys.executable, str(script), url.format(folder=folder), folder, str(size)]
        done = subprocess.run([*command, str(repeats)], capture_output=True, text=True, check=False)
    row: dict[str, Any] = {"backend": name, "n": size}
    if done.returncode:
        return row | {"error": (done.stderr.strip().splitlines() or ["no message"])[-1]}
    row |= json.loads(done.stdout)
    row["memory_mb"] = row["client_mb"] + row["server_mb"]
    return row


def _cells(row: dict[str, Any]) -> list[str]:
    head = [row["backend"], f"{row['n']:,}"]
    if "error" in row:
        return [*head, row["error"], *[""] * (len(_COLUMNS) - 1)]
    return head + [format(row[key], form) for _, key, form in _COLUMNS]


def _markdown(rows: Sequence[dict[str, Any]]) -> str:
    titles = ["backend", "records", *(title for title, _, _ in _COLUMNS)]
    lines = ["| " + " | ".join(titles) + " |", "|---|" + "---:|" * (len(titles) - 1)]
    lines += ["| " + " | ".join(_cells(row)) + " |" for row in rows]
    return "\n".join(lines)


def _chosen(text: str) -> tuple[str, str]:
    if text in BACKENDS:
        return text, BACKENDS[text]
    if "://" not in text:
        raise argparse.ArgumentTypeError(f"one of {', '.join(BACKENDS)}, or a URL")
    # The scheme alone: the rest of a URL may hold a password.
    return text.partition("://")[0], text


def _sizes(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, required=True, metavar="FILE", help="the report")
    parser.add_argument("--backend", type=_chosen, action="append", metavar="NAME|URL")
    parser.add_argument("--sizes", type=_sizes, default=SIZES, metavar="N,N,…")
    parser.add_argument("--repeats", type=int, default=REPEATS, metavar="N")
    parser.add_argument("--folder", type=Path, help="where the stores are made")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="a page that holds the table")
    arguments = parser.parse_args(argv)
    chosen = arguments.backend or list(BACKENDS.items())
    rows: list[dict[str, Any]] = []
    with Progress() as progress:
        task = progress.add_task("measuring", total=len(chosen) * len(arguments.sizes))
        for size in arguments.sizes:
            for name, url in chosen:
                rows.append(measured(name, url, size, arguments.repeats, arguments.folder))
                progress.advance(task)
    print(_markdown(rows))
    save({"rows": rows, **circumstances()}, arguments.json)
    if arguments.write is not None:
        write_between(arguments.write, BEGIN, END, _markdown(rows))
    return 1 if any("error" in row for row in rows) else 0


if __name__ == "__main__":
    raise SystemExit(main())
