"""LangGraph's own store tests pass on memkit's store."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.adapters.langgraph_store.upstream import upstream_tests
from tests.adapters.langgraph_store.upstream_plugin import EMBEDDED, PLAIN

# What is SQLite's own, and why.
LEFT_OUT = {
    "test_store.py::test_nonnull_migrations": "looks into the SQL that makes SQLite's tables",
    "test_store.py::test_vector_store_initialization": "looks for tables in SQLite's catalogue",
    "test_store.py::test_escape_glob_literal": "calls what writes SQLite's patterns",
    "test_store.py::test_namespace_match_pattern": "calls what writes SQLite's patterns",
    "test_store.py::test_list_namespaces_prefix_uses_indexable_condition": "reads a query's SQL",
    # SQLite's store writes keys into its SQL, so it must refuse some; here every key is bound:
    # test_searching.py has such keys.
    "test_store.py::test_sql_injection_vulnerability": "keys that are no names are refused",
    "test_async_store.py::test_no_running_loop": "its blocking methods refuse to run in a loop",
}
# It deletes a thousand items one by one, of which each is read back: half a minute on PostgreSQL.
LARGE = {"test_async_store.py::test_large_batches_async": "passes there too, but is slow"}
LEAST = 75
SECONDS = 240
_CONFIGURATION = """[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
filterwarnings = error
"""


def test_upstream_tests_pass_on_sqlite(tmp_path: Path) -> None:
    assert passed(tmp_path, LEFT_OUT) >= LEAST


def test_upstream_tests_pass_on_postgresql(tmp_path: Path) -> None:
    from tests.engines.postgres import database_at

    places = {PLAIN: database_at(tmp_path / "plain"), EMBEDDED: database_at(tmp_path / "embedded")}
    assert passed(tmp_path, {**LEFT_OUT, **LARGE}, **places) >= LEAST


def passed(folder: Path, left_out: dict[str, str], **environment: str) -> int:
    """Run LangGraph's tests, warnings being errors; how many passed, all of them."""
    configuration = folder / "pytest.ini"
    configuration.write_text(_CONFIGURATION)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-c", str(configuration)),
            *("-p", "upstream_plugin", "-p", "no:cacheprovider"),
            *("--rootdir", str(upstream_tests())),
            *(f"--deselect=tests/{name}" for name in left_out),
            # Each is there twice, in a file and in memory: for memkit that is the same.
            *("-k", "not memory"),
            *("tests/test_store.py", "tests/test_async_store.py"),
        ],
        cwd=upstream_tests(),
        env={**os.environ, **environment, "PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    counted = re.search(r"(\d+) passed", done.stdout)
    assert counted is not None, done.stdout[-2000:]
    return int(counted.group(1))
