"""The benchmarks measure what they say they measure."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
OPS = {
    "dense_all",
    "dense_scope",
    "fast_all",
    "balanced_all",
    "balanced_scope",
    "best_all",
    "lexical_all",
    "store_one",
    "store_bulk",
    "open",
    "import",
}


class Load(Protocol):
    def __call__(self, name: str) -> ModuleType: ...


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Load:
    """Imports a module of the benchmarks as a script there does."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return import_module


def turn(dia_id: str, text: str, **more: str) -> dict[str, str]:
    speaker = "Ann" if int(dia_id.split(":")[1]) % 2 else "Bob"
    return {"speaker": speaker, "dia_id": dia_id, "text": text, **more}


def question(text: str, category: int, *evidence: str) -> dict[str, Any]:
    return {"question": text, "answer": "-", "category": category, "evidence": list(evidence)}


def filler(count: int) -> str:
    """Words that make a turn longer, so that it ranks below shorter ones of the same word."""
    return " ".join(f"filler{number}" for number in range(count))


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Two conversations in LoCoMo's format, made so that every rank is known.

    Turns before a turn count in its words, so turns that share a word have none before them that
    lacks it, or are in sessions of their own.
    """
    first = {
        "speaker_a": "Ann",
        "speaker_b": "Bob",
        "session_1_date_time": "1:56 pm on 8 May, 2023",
        "session_1": [turn("D1:1", "My walrus sings, whatever else may happen on that day.")],
        **{f"session_{n}_date_time": f"12:05 am on {n} June, 2023" for n in range(2, 8)},
        **{f"session_{n}": [turn(f"D{n}:1", f"violin {filler(6 * n)}")] for n in range(2, 8)},
        # A session of which nothing but its time is left.
        "session_8_date_time": "12:05 am on 10 June, 2023",
    }
    second = {
        "speaker_a": "Ann",
        "speaker_b": "Bob",
        "session_1_date_time": "9:00 am on 1 July, 2023",
        "session_1": [
            turn("D1:1", "A walrus."),
            turn("D1:2", "Look!", blip_caption="a photo of a lighthouse at dusk"),
            turn("D1:3", "harbour"),
            turn("D1:4", f"harbour {filler(6)}"),
        ],
        **{f"session_{n}_date_time": f"9:00 am on {n} July, 2023" for n in range(2, 7)},
        **{f"session_{n}": [turn(f"D{n}:1", f"harbour {filler(6 * n)}")] for n in range(2, 7)},
    }
    samples = [
        {
            "sample_id": "conv-1",
            "conversation": first,
            "qa": [
                question("Who has a walrus?", 4, "D1:1"),
                question("Who plays the violin?", 1, "D7:1; D2:01 "),
                question("When was there a violin?", 2, "D:7:1", "D"),
                question("Is there a walrus?", 3, "D9:9", "D1:1"),
                question("Is nothing to be found of this one?", 5),
            ],
        },
        {
            "sample_id": "conv-2",
            "conversation": second,
            "qa": [
                question("Who owns the telescope?", 4, "D1:1"),
                question("Where is the lighthouse?", 4, "D1:2"),
                question("Which harbour was it?", 5, "D6:1"),
            ],
        },
    ]
    path = tmp_path / "locomo.json"
    path.write_text(json.dumps(samples), encoding="utf-8")
    return path


def locomo(load: Load, *arguments: object) -> dict[str, Any]:
    """The report of a run on the words of single turns alone, whose ranks are known."""
    arguments = (*arguments, "--embedder", "none", "--profile", "fast")
    target = Path(str(arguments[0])).with_name("report.json")
    assert load("locomo").main([*map(str, arguments), "--json", str(target)]) == 0
    report: dict[str, Any] = json.loads(target.read_text(encoding="utf-8"))
    return report


def test_locomo_reports_the_shares_that_a_reader_works_out_by_hand(
    load: Load, dataset: Path
) -> None:
    report = locomo(load, dataset)

    # Of seven questions with evidence: ranks 1; 1 and 6; 6; 1; none; 1; 7.
    assert report["questions"] == {
        "all": 7,
        "single-hop": 3,
        "multi-hop": 1,
        "temporal": 1,
        "open-domain": 1,
        "adversarial": 1,
    }
    assert report["turn"]["all"] == {
        "any@5": pytest.approx(100 * 4 / 7, abs=0.01),
        "all@5": pytest.approx(100 * 3 / 7, abs=0.01),
        "any@10": pytest.approx(100 * 6 / 7, abs=0.01),
        "all@10": pytest.approx(100 * 6 / 7, abs=0.01),
        "mrr": pytest.approx(100 * (1 + 1 + 1 / 6 + 1 + 0 + 1 + 1 / 7) / 7, abs=0.01),
    }
    assert report["turn"]["multi-hop"] == {
        "any@5": 100,
        "all@5": 0,
        "any@10": 100,
        "all@10": 100,
        "mrr": 100,
    }
    assert report["turn"]["temporal"]["any@5"] == 0
    assert report["turn"]["single-hop"]["any@5"] == pytest.approx(66.67)
    # The harbour's session is the sixth, behind five that rank by their best turn.
    assert report["session"]["adversarial"] == {"any@5": 0, "any@10": 100}
    assert report["session"]["all"] == {
        "any@5": pytest.approx(100 * 4 / 7, abs=0.01),
        "any@10": pytest.approx(100 * 6 / 7, abs=0.01),
    }


def test_locomo_reports_rates_circumstances_and_what_was_missing(load: Load, dataset: Path) -> None:
    report = locomo(load, dataset)

    assert report["turns"] == 16
    assert report["ingest_per_s"] > 0
    assert 0 < report["recall_ms"]["p50"] <= report["recall_ms"]["p95"]
    assert report["machine"]["cores"] >= 1
    assert report["versions"]["python"]
    assert report["date"]
    assert any("words only" in notice for notice in report["notices"])


def test_locomo_without_corrections_has_no_audited_part(load: Load, dataset: Path) -> None:
    assert locomo(load, dataset)["audited"] is None


def test_locomo_judges_by_corrected_evidence_too(load: Load, dataset: Path) -> None:
    corrections = [
        {
            "question_id": "locomo_0_qa2",
            "question": "When was there a violin?",
            "correct_evidence": ["D2:1"],
        },
        {
            "question_id": "locomo_1_qa0",
            "question": "Who owns the telescope?",
            "correct_evidence": [],
        },
    ]
    dataset.with_name("locomo_audit.json").write_text(json.dumps(corrections), encoding="utf-8")

    report = locomo(load, dataset)

    assert report["turn"]["temporal"]["any@5"] == 0
    assert report["audited"]["turn"]["temporal"]["any@5"] == 100
    # A question of which the correction leaves no evidence is left out.
    assert report["questions"]["all"] == 7
    assert report["audited"]["questions"]["all"] == 6


def test_locomo_can_stop_after_some_conversations(load: Load, dataset: Path) -> None:
    assert locomo(load, dataset, "--limit-conversations", 1)["turns"] == 7


def test_locomo_run_twice_on_one_store_does_not_see_the_first_run(
    load: Load, dataset: Path
) -> None:
    store = dataset.with_name("store.db")

    first = locomo(load, dataset, "--backend", store)
    second = locomo(load, dataset, "--backend", store)

    assert first["turn"] == second["turn"]


def test_corrections_for_another_file_are_refused(
    load: Load, dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    audit = dataset.with_name("audit.json")
    audit.write_text(
        json.dumps(
            [{"question_id": "locomo_0_qa0", "question": "Another?", "correct_evidence": ["D1:1"]}]
        ),
        encoding="utf-8",
    )
    target = dataset.with_name("report.json")

    code = load("locomo").main([str(dataset), "--audit", str(audit), "--json", str(target)])

    assert code == 2
    assert "for another file" in capsys.readouterr().err
    assert not target.exists()


@pytest.mark.parametrize("text", ["{}", "[{}]", "not JSON", '[{"conversation": [], "qa": []}]'])
def test_a_file_of_another_format_is_refused(load: Load, tmp_path: Path, text: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(text, encoding="utf-8")

    assert load("locomo").main([str(path), "--json", str(tmp_path / "report.json")]) == 2


@pytest.mark.parametrize(
    ("strings", "ids"),
    [
        (["D1:3"], ["D1:3"]),
        (["D8:6; D9:17"], ["D8:6", "D9:17"]),
        (["D9:1 D4:4 D4:6"], ["D9:1", "D4:4", "D4:6"]),
        (["D:11:26"], ["D11:26"]),
        (["D30:05 "], ["D30:5"]),
        (["D", "D1:20"], ["D1:20"]),
        ([], []),
    ],
)
def test_evidence_is_read_however_it_is_written(
    load: Load, strings: list[str], ids: list[str]
) -> None:
    assert load("_locomo").evidence_ids(strings) == ids


def test_vectors_kept_in_a_file_are_those_of_the_model(load: Load, tmp_path: Path) -> None:
    from memkit.testing.embedders import FailingEmbedder, ToyEmbedder

    vectors = load("_vectors").FileVectors
    path = tmp_path / "vectors.npz"
    kept = vectors(ToyEmbedder(), path)
    before = kept.embed(["a walrus", "a violin"])
    kept.close()

    again = vectors(FailingEmbedder(), path)

    assert (again.embed(["a violin", "a walrus"]) == before[::-1]).all()
    with pytest.raises(ValueError, match="toy"):
        vectors(ToyEmbedder(name="another"), path)


def test_speed_reports_every_operation_beside_its_floor(load: Load, tmp_path: Path) -> None:
    target = tmp_path / "speed.json"

    arguments = ["--sizes", "200", "--repeats", "2", "--folder", str(tmp_path)]
    assert load("speed").main(["--json", str(target), *arguments]) == 0

    report = json.loads(target.read_text(encoding="utf-8"))
    assert {row["op"] for row in report["rows"]} == OPS
    for row in report["rows"]:
        assert row["n"] == 200
        for name in ("wall_ms", "cpu_ms", "floor_wall_ms", "floor_cpu_ms"):
            assert row[name] > 0
    # So few rows are searched exactly.
    assert report["dense_agreement"]["200"] == {"dense_all": 1, "dense_scope": 1}
    assert report["machine"]["cores"] >= 1
    assert [path.name for path in tmp_path.iterdir()] == ["speed.json"]


def test_agreement_compares_dense_recall_with_exact_search(
    load: Load, dataset: Path, tmp_path: Path
) -> None:
    target = tmp_path / "agreement.json"

    arguments = ["--rows", "40", "--queries", "3", "--json", str(target)]
    assert load("agreement").main([str(dataset), *arguments]) == 0

    report = json.loads(target.read_text(encoding="utf-8"))
    assert (report["rows"], report["queries"]) == (40, 3)
    assert report["agreement"] == 1


def test_backends_are_measured_and_their_table_goes_into_a_page(load: Load, tmp_path: Path) -> None:
    target, page, work = tmp_path / "backends.json", tmp_path / "page.md", tmp_path / "work"
    benchmark = load("backends")
    page.write_text(f"before\n\n{benchmark.BEGIN}\nold\n{benchmark.END}\n\nafter\n")
    work.mkdir()

    arguments = ["--sizes", "300", "--repeats", "2", "--folder", str(work), "--write", str(page)]
    assert benchmark.main(["--json", str(target), "--backend", "SQLite", *arguments]) == 0

    (row,) = json.loads(target.read_text(encoding="utf-8"))["rows"]
    assert (row["backend"], row["n"]) == ("SQLite", 300)
    assert row["dense_all_agreement"] == row["dense_tag_agreement"] == 1
    assert row["bulk_per_s"] > 0
    assert row["server_mb"] == 0
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "| SQLite | 300 |" in text
    assert list(work.iterdir()) == []


def test_a_backend_that_cannot_be_measured_is_said_to_have_failed(
    load: Load, tmp_path: Path
) -> None:
    target = tmp_path / "backends.json"
    arguments = ["--backend", "sqlite:///proc/none/x.db", "--sizes", "300"]
    assert load("backends").main(["--json", str(target), *arguments]) == 1
    (row,) = json.loads(target.read_text(encoding="utf-8"))["rows"]
    assert "Store" in row["error"]


def test_plain_facts_are_measured_under_each_leg_and_against_the_better_one(
    load: Load, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "plain.json"

    arguments = ["--embedder", "none", "--configuration", "profile=fast", "--json", str(target)]
    assert load("plain_facts").main(arguments) == 0

    report = json.loads(target.read_text(encoding="utf-8"))
    names = [each["configuration"] for each in report["evaluations"]]
    assert names == ["mode=lexical", "mode=dense", "profile=fast"]
    for each in report["evaluations"]:
        assert each["measures"]["identifier"]["any@10"]["mean"] > 0.9
        assert each["unanswerable"]["count"] == 40
    assert "Against the better leg" in capsys.readouterr().out


def test_calibration_puts_every_hit_into_a_bin(load: Load, dataset: Path, tmp_path: Path) -> None:
    page, target = tmp_path / "page.md", tmp_path / "calibration.json"
    benchmark = load("calibration")
    page.write_text(f"{benchmark.BEGIN}\n{benchmark.END}\n")

    arguments = [str(dataset), "--json", str(target), "--write", str(page)]
    assert benchmark.main(arguments) == 0

    report = json.loads(target.read_text(encoding="utf-8"))
    # Ten hits to each of the 300 questions, answerable or not.
    assert sum(count for count, _, _ in report["facts"]) == 3_000
    for count, estimate, share in report["facts"] + report["conversations"]:
        assert 0 <= estimate <= 1
        assert 0 <= share <= 1
        assert count >= 0
    assert len(page.read_text().strip().splitlines()) == 2 + 2 + 2 + 7


def test_weights_are_judged_by_questions_that_did_not_choose_them(
    load: Load, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, target = tmp_path / "page.md", tmp_path / "tuning.json"
    benchmark = load("tuning")
    monkeypatch.setattr(benchmark, "GRID", {"dense_weight": (0.0, 1.0)})
    monkeypatch.setattr(benchmark, "ALONE", {"words": ((1, 0, 0),)})
    page.write_text(f"{benchmark.BEGIN}\n{benchmark.END}\n")

    arguments = [str(dataset), "--json", str(target), "--write", str(page)]
    assert benchmark.main(arguments) == 0

    report = json.loads(target.read_text(encoding="utf-8"))
    names = ["as they are", "dense_weight 0", "dense_weight 1", "words 1 : 0 : 0"]
    assert list(report["candidates"]) == names
    for rows in report["rows"].values():
        assert len(rows) == 6
        for _, _, _, held_out, as_is, best in rows:
            assert 0 <= held_out <= 1
            assert 0 <= as_is <= best
    # Meaning alone and words alone are not the same, so the weights did reach the store.
    assert report["candidates"][names[1]] != report["candidates"][names[2]]
    assert len(page.read_text().strip().splitlines()) == 2 + 2 + 2 + 2 * 6


@pytest.mark.parametrize("part", ["without the speaker", "without time", "without exact names"])
def test_an_ablation_takes_a_part_out_and_puts_it_back(load: Load, part: str) -> None:
    from memkit import Memory
    from memkit.testing.embedders import ToyEmbedder

    ablations = load("ablations")
    with Memory.open("sqlite://:memory:", embedder=ToyEmbedder()) as memory:
        memory.remember("Bob saw ERR-7 today", speaker="Bob", conversation_id="c", sequence=0)
        query = "what about ERR-7 did Bob see today?"

        def factors() -> set[str]:
            found = memory.recall(query)[0].why.factors
            return {name for name, factor in found.items() if factor != 1}

        whole = factors()
        assert {"speaker", "exact", "time"} <= whole
        with ablations._without(part):
            assert len(whole - factors()) == 1
        assert factors() == whole
