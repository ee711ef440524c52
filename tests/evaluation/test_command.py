"""``memkit eval`` as a user runs it: a real process on a real store."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from memkit import Memory

Run = Callable[..., subprocess.CompletedProcess[str]]

MEMORIES = [
    {"id": "deploy", "content": "Deploys happen on Tuesdays", "kind": "decision"},
    {"id": "staging", "content": "The staging database is reset every night"},
    {"id": "limit", "content": "The API takes 100 requests a minute"},
    {"id": "old", "content": "The API took 50 requests a minute", "kind": "observation"},
]
QUESTIONS = [
    {"query": "deploys", "relevant": ["deploy"], "category": "one", "group": "a"},
    {"query": "staging database", "relevant": ["staging"], "category": "one", "group": "b"},
    {"query": "requests <script>a minute</script>", "relevant": ["limit"], "group": "c"},
    {"query": "telescope", "relevant": []},
]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MEMKIT_")}
    environment = {
        **kept,
        "HOME": str(tmp_path),
        "MEMKIT_EMBEDDER": "none",
        "PYTHONPATH": os.pathsep.join(sys.path),
        "PYTHONWARNINGS": "error",
        "COLUMNS": "120",
    }

    def command(*arguments: object) -> Any:
        return subprocess.run(
            [sys.executable, "-m", "memkit", "eval", *map(str, arguments)],
            capture_output=True,
            text=True,
            encoding="utf-8",
            cwd=tmp_path,
            env=environment,
            timeout=120,
            check=False,
        )

    return command


def written(path: Path, *lines: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return written(tmp_path / "data.jsonl", *MEMORIES, *QUESTIONS)


def test_a_self_contained_data_set_is_measured_and_leaves_no_store(
    run: Run, data: Path, tmp_path: Path
) -> None:
    done = run(data, "--json", "report.json")

    assert done.returncode == 0, done.stderr
    assert "any@1" in done.stdout
    assert "Questions that nothing answers" in done.stdout
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    (only,) = report["evaluations"]
    assert only["measures"]["one"]["any@1"]["mean"] == 1
    assert only["unanswerable"] == {**only["unanswerable"], "count": 1, "nothing": 1}
    assert only["answers"][0]["ranked"] == ["deploy"]
    assert not list(tmp_path.rglob("*.db"))


def test_two_configurations_are_compared_and_written_down(
    run: Run, data: Path, tmp_path: Path
) -> None:
    done = run(
        data, "--a", "kinds=observation", "--b", "recency_weight=0", "--b", "mode=lexical",
        "--json", "r.json", "--markdown", "r.md", "--html", "r.html",
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert "B - A" in done.stdout
    report = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert [each["configuration"] for each in report["evaluations"]] == [
        "kinds=observation",
        "recency_weight=0, mode=lexical",
    ]
    better = {move["query"] for move in report["comparison"]["better"]}
    assert {"deploys", "staging database"} <= better
    assert report["comparison"]["resamples"] == 2000
    assert report["comparison"]["groups"] == 3
    assert "## Better under B" in (tmp_path / "r.md").read_text(encoding="utf-8")
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;a minute" in page


def test_a_users_own_store_is_read_and_not_changed(run: Run, tmp_path: Path) -> None:
    store = str(tmp_path / "own.db")
    with Memory.open(store, embedder="none", project="apollo") as memory:
        id_ = memory.remember("Deploys happen on Tuesdays").id
    data = written(
        tmp_path / "own.jsonl", {"query": "deploys?", "relevant": [id_], "project": "apollo"}
    )

    done = run(data, "--store", store, "--json", "own.json")

    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "own.json").read_text(encoding="utf-8"))
    assert report["evaluations"][0]["answers"][0]["rank"] == 1
    with Memory.open(store, embedder="none") as memory:
        assert memory.at(project="apollo").get(id_).uses == 0


def test_memories_may_come_in_a_file_of_their_own(run: Run, tmp_path: Path) -> None:
    memories = written(tmp_path / "memories.jsonl", *MEMORIES)
    data = written(tmp_path / "questions.jsonl", *QUESTIONS)

    done = run(data, "--memories", memories)

    assert done.returncode == 0, done.stderr
    assert "not in the scope" not in done.stderr


def test_candidates_are_chosen_among_by_cross_validation(
    run: Run, data: Path, tmp_path: Path
) -> None:
    done = run(
        data, "--candidate", "kinds=observation", "--candidate", "mode=lexical",
        "--measure", "mrr", "--json", "report.json",
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert "Cross-validation" in done.stdout
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert report["cross_validation"]["choice"] == "mode=lexical"
    assert len(report["cross_validation"]["folds"]) == 3


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--a", "colour=blue"], "there is no setting"),
        (["--a", "dense_weight=7"], "dense_weight"),
        (["--store", "other.db"], "thrown away"),
        (["--candidate", "mode=lexical"], "two candidates or more"),
        (["--candidate", "mode=lexical", "--b", "mode=dense"], "not both"),
        (["--html", "missing/report.html"], "cannot be written"),
        (["--memories", "missing.jsonl"], "cannot be read"),
        (["--b", "limit=3", "--measure", "beauty"], "no such measure"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(
    run: Run, data: Path, arguments: list[str], says: str
) -> None:
    done = run(data, *arguments)

    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_line_is_named(run: Run, tmp_path: Path) -> None:
    data = written(tmp_path / "data.jsonl", QUESTIONS[0], {"query": "sesame"})

    done = run(data)

    assert done.returncode == 2
    assert "data.jsonl, line 2: relevant is a list" in done.stderr
    assert "sesame" not in done.stderr
