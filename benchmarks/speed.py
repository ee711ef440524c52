"""How long memkit's operations take, beside the least that the same work can cost.

    python benchmarks/speed.py --json speed-results.json

Each operation runs through the public, synchronous ``Memory`` on a new SQLite store, with
the default settings and an embedder that only looks vectors up. Its floor runs in the same
process, in turn with it: plain numpy float32 and plain SQLite with FTS5 over the same rows.
Of n records 99 % are in one namespace (``..._all``) and 1 % in another (``..._scope``).
``fast``, ``balanced`` and ``best`` are the profiles, with both legs; ``best`` has token vectors,
two for each word, in a store of its own, and no reranker. What embeds the query is in none.
Times are medians in milliseconds; CPU time is that of all threads of the process, so it
says more than wall time on a machine that is not quiet. numpy's BLAS is held to one thread:
its helpers spin for a while after each product, which would be charged to whatever runs next.
"""

from __future__ import annotations

import argparse
import gc
import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

# Before anything imports numpy.
for _name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

from _report import circumstances, save, show  # noqa: E402
from _resident import TOP  # noqa: E402
from _stand import Stand  # noqa: E402
from _timing import Times  # noqa: E402

SIZES = (1_000, 10_000, 100_000)
REPEATS = 50


def measured(size: int, repeats: int, folder: Path) -> tuple[list[Times], dict[str, Any]]:
    """All operations at one size, and what else was seen there."""
    stand = Stand(folder, size, repeats)
    try:
        bulk = stand.fill()
        # What the benchmark itself keeps must not be walked by the collector meanwhile.
        gc.collect()
        gc.freeze()
        rows = [*stand.searches(), stand.store_one(), bulk, stand.opening(), stand.importing()]
        extras = {"resident_mb": stand.resident_mb(), "dense_agreement": stand.agreement}
    finally:
        gc.unfreeze()
        stand.close()
    return rows, extras


def _show(rows: Sequence[dict[str, Any]]) -> None:
    names = ("wall_ms", "cpu_ms", "floor_wall_ms", "floor_cpu_ms")
    show(
        "Medians, milliseconds (store_bulk and import: per record)",
        ["op", "n", *(name.removesuffix("_ms").replace("_", " ") for name in names), "cpu/floor"],
        [
            [row["op"], f"{row['n']:,}"]
            + [f"{row[name]:.3f}" for name in names]
            + [f"{row['cpu_ms'] / max(row['floor_cpu_ms'], 1e-9):.2f}"]
            for row in rows
        ],
    )


def _sizes(text: str) -> list[int]:
    sizes = [int(part) for part in text.split(",")]
    if min(sizes) < 10 * TOP:
        raise argparse.ArgumentTypeError(f"a size is at least {10 * TOP}")
    return sizes


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, required=True, metavar="FILE", help="the report")
    parser.add_argument("--sizes", type=_sizes, default=SIZES, metavar="N,N,…")
    parser.add_argument("--repeats", type=int, default=REPEATS, metavar="N")
    parser.add_argument(
        "--folder", type=Path, help="where the stores are made: on the disk that matters"
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    arguments = _arguments(argv)
    rows: list[dict[str, Any]] = []
    extras: dict[str, dict[str, Any]] = {"resident_mb": {}, "dense_agreement": {}}
    for size in arguments.sizes:
        with TemporaryDirectory(dir=arguments.folder) as folder:
            times, seen = measured(size, arguments.repeats, Path(folder))
        rows += [each.row() for each in times]
        for name, value in seen.items():
            extras[name][str(size)] = value
    _show(rows)
    print(f"resident MB: {extras['resident_mb']}")
    print(f"dense top-{TOP} agreement with exact: {extras['dense_agreement']}")
    save({"rows": rows, **extras, **circumstances()}, arguments.json)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
