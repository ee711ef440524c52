"""The command line, run as a user runs it: real processes on a real store."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

GHOST = "00000000-0000-7000-8000-000000000000"

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MEMKIT_")}
    home = tmp_path / "home"
    home.mkdir()
    return {
        **kept,
        "HOME": str(home),
        "MEMKIT_URL": str(tmp_path / "memory.db"),
        "MEMKIT_EMBEDDER": "none",
        "PYTHONPATH": os.pathsep.join(sys.path),
        "COLUMNS": "100",
    }


@pytest.fixture
def run(tmp_path: Path, environment: dict[str, str]) -> Run:
    def command(*arguments: str, text: str = "", **more: str) -> Any:
        return subprocess.run(
            [sys.executable, "-m", "memkit", *arguments],
            input=text,
            capture_output=True,
            text=True,
            encoding="utf-8",
            cwd=tmp_path,
            env={**environment, **more},
            timeout=60,
            check=False,
        )

    return command


def _json(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_what_is_remembered_is_recalled_listed_and_shown(run: Run) -> None:
    stored = _json(
        run("remember", "Deploys happen on Tuesdays", "--kind", "decision", "--tag", "ops",
            "--meta", "n=3", "--meta", "who=ann", "--ttl", "7d", "--json")
    )  # fmt: skip
    assert stored["status"] == "stored"
    assert stored["record"]["metadata"] == {"n": 3, "who": "ann"}
    hits = _json(run("recall", "when", "do", "we", "deploy", "--json"))
    assert hits["memories"][0]["id"] == stored["id"]
    assert hits["memories"][0]["why"]["legs"]["lexical"]["rank"] == 1
    assert hits["notices"]
    assert _json(run("list", "--json"))["records"][0]["content"] == "Deploys happen on Tuesdays"
    assert _json(run("get", stored["id"], "--json"))["kind"] == "decision"
    assert _json(run("tags", "--json")) == {"counts": {"ops": 1}}
    shown = run("recall", "deploys", "--explain")
    assert "Deploys happen on Tuesdays" in shown.stdout
    assert "why: lexical #1" in shown.stdout
    assert "words only" in shown.stderr


def test_text_is_piped_in(run: Run) -> None:
    assert _json(run("remember", "--json", text="from a pipe\n"))["record"]["content"] == (
        "from a pipe"
    )
    assert _json(run("remember", "-", "--json", text="日本語 🚀"))["status"] == "stored"


def test_nothing_stored_can_drive_the_terminal(run: Run) -> None:
    run("remember", text="\x1b[31mred\x07 [bold]not bold[/bold]")
    shown = run("list").stdout
    assert "\x1b" not in shown
    assert "\\u001b[31mred" in shown
    assert "[bold]not bold[/bold]" in shown


def test_a_record_is_forgotten_restored_and_erased(run: Run) -> None:
    id_ = _json(run("remember", "Her passport is XK44", "--json"))["id"]
    assert run("forget", id_).returncode == 0
    assert "nothing found" in run("recall", "passport").stdout
    assert _json(run("list", "--state", "forgotten", "--json"))["records"][0]["id"] == id_
    assert run("restore", id_).returncode == 0
    assert run("erase", id_).returncode == 2
    receipt = _json(run("erase", id_, "--yes", "--json"))
    assert receipt["erased"] == [id_]
    assert receipt["purged"]
    assert run("get", id_).returncode == 3


def test_records_are_corrected_pinned_and_linked(run: Run) -> None:
    a = _json(run("remember", "Ann lives in Leeds", "--json"))["id"]
    b = _json(run("correct", a, "Ann lives in York", "--json"))["id"]
    c = _json(run("remember", "The flat is near the station", "--json"))["id"]
    assert "pinned" in run("pin", b).stdout
    assert "unpinned" in run("pin", b, "--off").stdout
    assert run("link", c, b, "--type", "supports").returncode == 0
    found = _json(run("related", b, "--json"))["related"]
    assert [item["record"]["id"] for item in found] == [c]
    assert run("correct", a, "Ann lives in Hull").returncode == 2


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["recall", ""], 2),
        (["recall", "x", "--limit", "-1"], 2),
        (["recall", "x", "--mode", "magic"], 2),
        (["recall", "x", "--no-such-option"], 2),
        (["remember", "x", "--ttl", "soon"], 2),
        (["remember", "x", "--meta", "novalue"], 2),
        (["remember", "x", "--occurred-at", "yesterday"], 2),
        (["remember", "x", "--task", "t"], 2),
        (["remember", "x", "--ttl", "99999999999d"], 2),
        (["recall", "x", "--as-of", "0001-01-01"], 2),
        (["get", "not-an-id"], 2),
        (["get", GHOST], 3),
        (["forget", GHOST], 3),
        (["list", "--store", "/proc/nowhere/memory.db"], 5),
        (["list", "--store", "magic://host"], 2),
        (["import", "missing.jsonl"], 2),
    ],
)
def test_what_goes_wrong_is_told_by_the_exit_code(
    run: Run, arguments: list[str], code: int
) -> None:
    done = run(*arguments)
    assert done.returncode == code
    assert done.stdout == ""
    assert done.stderr
    assert "Traceback" not in done.stderr


def test_errors_are_json_where_json_is_asked_for(run: Run) -> None:
    for arguments, code in ((["get", GHOST], "not_found"), (["recall"], "invalid_input")):
        told = json.loads(run(*arguments, "--json").stderr)
        assert told["error"]["code"] == code


def test_one_missing_record_of_several_leaves_all_as_they_are(run: Run) -> None:
    id_ = _json(run("remember", "stays", "--json"))["id"]
    assert run("forget", id_, GHOST).returncode == 3
    assert _json(run("get", id_, "--json"))["state"] == "active"


def test_json_is_safe_to_show_and_fits_any_terminal(run: Run) -> None:
    run("remember", text="turned \u202e around \u009b é 🚀")
    for encoding in ("utf-8", "ascii"):
        shown = run("list", "--json", PYTHONIOENCODING=encoding)
        assert not {"\u202e", "\u009b"} & set(shown.stdout)
        if encoding == "utf-8":
            assert _json(shown)["records"][0]["content"] == "turned \u202e around \u009b é 🚀"
    assert "\u202e" not in run("export").stdout


def test_what_is_not_utf8_is_refused(tmp_path: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "memkit", "remember", "-"],
        input=b"caf\xe9",
        capture_output=True,
        cwd=tmp_path,
        env=environment,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert b"UTF-8" in done.stderr


def test_conflicts_have_their_own_code(run: Run) -> None:
    run("remember", "one", "--idempotency-key", "k")
    assert run("remember", "two", "--idempotency-key", "k").returncode == 4


def test_a_file_that_is_no_store_is_damaged(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.db").write_bytes(b"not a database at all" * 500)
    assert run("list", "--store", "bad.db").returncode == 6
    report = run("doctor", "--store", "bad.db", "--json")
    assert report.returncode == 6
    assert "bad.db" in json.loads(report.stdout)["problems"][0]["what"]


def test_scope_is_set_once_per_folder(run: Run, tmp_path: Path) -> None:
    (tmp_path / "memkit.toml").write_text('project = "apollo"\nagent = "ann"\n')
    record = _json(run("remember", "scoped by the folder", "--json"))["record"]
    assert (record["project"], record["agent"]) == ("apollo", "ann")
    assert _json(run("recall", "scoped", "--project", "other", "--json"))["memories"] == []
    settings = _json(run("config", "--json"))
    assert settings["project"]["value"] == "apollo"
    assert "memkit.toml" in settings["project"]["source"]
    assert "MEMKIT_URL" in settings["url"]["source"]
    assert _json(run("config", "--agent", "bob", "--json"))["agent"]["source"] == "argument"


def test_secrets_are_masked(run: Run) -> None:
    shown = run("config", MEMKIT_OPENAI_API_KEY="sk-verysecret123").stdout
    assert "openai_api_key" in shown
    assert "verysecret" not in shown


def test_a_misspelt_setting_is_named(run: Run) -> None:
    done = run("status", MEMKIT_PROJET="x")
    assert done.returncode == 2
    assert "MEMKIT_PROJECT" in done.stderr


def test_an_export_is_imported_elsewhere(run: Run, tmp_path: Path) -> None:
    for n in range(3):
        run("remember", f"note number {n}", "--project", "p")
    assert "exported 3" in run("export", "all.jsonl").stdout
    assert _json(run("import", "all.jsonl", "--namespace", "copy", "--json")) == {
        "stored": 3,
        "skipped": 0,
    }
    piped = run("export").stdout
    assert len(piped.splitlines()) == 4
    again = run("import", "-", "--namespace", "copy", "--json", text=piped)
    assert _json(again) == {"stored": 0, "skipped": 3}


def test_status_and_doctor_say_how_things_stand(run: Run) -> None:
    run("remember", "something to count")
    status = _json(run("status", "--json"))
    assert (status["records"], status["embedder"]) == (1, None)
    report = _json(run("doctor", "--vacuum", "--json"))
    assert (report["problems"], report["vacuumed"]) == ([], True)
    assert "the store is sound" in run("doctor").stdout


def test_reembed_gives_vectors_to_what_had_none(run: Run) -> None:
    run("remember", "a cat sat on the mat")
    assert run("reembed").returncode == 7
    done = run("reembed", "--embedder", "local")
    assert done.returncode == 0, done.stderr
    assert "re-embedded 1 records" in done.stdout
    hits = _json(run("recall", "kitten", "--mode", "dense", "--embedder", "local", "--json"))
    assert hits["memories"][0]["content"] == "a cat sat on the mat"
    assert hits["notices"] == []


@pytest.mark.parametrize("embedder", ["local", "none"])
def test_the_demo_shows_the_main_job_whatever_is_configured(run: Run, embedder: str) -> None:
    done = run("demo", "--embedder", embedder, MEMKIT_AGENT="ann", MEMKIT_DEDUPLICATE="off")
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("asks:") == 3
    assert "All as expected" in done.stdout
    assert run("list").stdout == "no records\n"


def test_the_version_and_the_help_are_shown(run: Run) -> None:
    assert run("--version").stdout.startswith("memkit 0.")
    shown = run("--help").stdout
    assert "Exit codes" in shown


def test_an_interrupted_command_leaves_the_store_sound(
    tmp_path: Path, environment: dict[str, str], run: Run
) -> None:
    lines = ['{"format": "memkit-export", "version": 1}']
    lines += [
        json.dumps(
            {
                "id": f"00000000-0000-7000-8000-{n:012x}",
                "content": f"note number {n}",
                "created_at": "2026-01-01T00:00:00+00:00",
                "updated_at": "2026-01-01T00:00:00+00:00",
            }
        )
        for n in range(60_000)
    ]
    (tmp_path / "big.jsonl").write_text("\n".join(lines))
    with subprocess.Popen(
        [sys.executable, "-m", "memkit", "import", "big.jsonl"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        store = tmp_path / "memory.db-wal"
        while process.poll() is None and not (store.exists() and store.stat().st_size > 500_000):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 130
    assert _json(run("doctor", "--json"))["problems"] == []
    done = _json(run("import", "big.jsonl", "--json"))
    assert done["stored"] + done["skipped"] == 60_000
    assert done["skipped"] > 0


def test_a_reader_that_has_seen_enough_ends_the_command_quietly(
    tmp_path: Path, environment: dict[str, str], run: Run
) -> None:
    for n in range(3):
        run("remember", f"a note that is listed {n} " + "x" * 60_000)
    done = subprocess.run(
        f"set -o pipefail; {sys.executable} -m memkit list | head -c 10",
        shell=True,
        executable="/bin/bash",
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_a_key_holds_what_was_put_last(run: Run) -> None:
    first = _json(run("put", "port", "The port is 5433", "--json"))
    assert "at version 2" in run("put", "port", "The", "port", "is", "6000", "--tag", "db").stdout
    lines = '{"key": "port", "content": "7000"}\n{"key": "host", "content": "localhost"}\n'
    assert "stored 1 memories, 1 took" in run("put", "--file", "-", text=lines).stdout
    (other,) = [
        each for each in _json(run("list", "--json"))["records"] if each["id"] != first["id"]
    ]
    shown = _json(run("get", first["id"], other["id"], GHOST, "--json"))["records"]
    assert [each["content"] for each in shown] == ["7000", "localhost"]
    assert run("put", "port").returncode == 2 or run("put", "port", text="").returncode == 2
    assert run("put").returncode == 2
