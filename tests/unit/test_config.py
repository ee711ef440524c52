"""Settings come from arguments, the environment and a file, and errors say from which."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from memkit.config import Settings, load_settings
from memkit.errors import ConfigurationError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home folder with the current folder two below it."""
    for name in os.environ:
        if name.startswith("MEMKIT_"):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    (home / "work" / "deep").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(home / ".data"))
    monkeypatch.chdir(home / "work" / "deep")
    return home


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def refused(**arguments: object) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(**arguments)
    return str(caught.value)


def test_without_any_source_all_settings_are_the_defaults(home: Path) -> None:
    loaded = load_settings()
    assert loaded.settings.url == f"sqlite://{home}/.data/memkit/memory.db"
    assert loaded.settings.namespace == "default"
    assert loaded.settings.embedder is None
    assert set(loaded.sources) == set(Settings.model_fields)
    assert set(loaded.sources.values()) == {"default"}


def test_odd_characters_of_the_home_folder_are_escaped_in_the_default_url(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "50% a?b"))
    assert load_settings().settings.url.endswith("/50%25%20a%3Fb/memkit/memory.db")


def test_an_argument_goes_before_a_variable_and_that_before_a_file(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(
        home / "work" / "memkit.toml", 'project = "file"\nagent = "file"\nrecall_limit = 3'
    )
    monkeypatch.setenv("MEMKIT_PROJECT", "environment")
    monkeypatch.setenv("MEMKIT_AGENT", "environment")
    loaded = load_settings(agent="argument")
    assert loaded.settings.agent == "argument"
    assert loaded.sources["agent"] == "argument"
    assert loaded.settings.project == "environment"
    assert loaded.sources["project"] == "environment MEMKIT_PROJECT"
    assert loaded.settings.recall_limit == 3
    assert loaded.sources["recall_limit"] == f"file {path}"


def test_the_nearest_memkit_toml_alone_is_read(home: Path) -> None:
    write(home / "memkit.toml", 'project = "far"\ntask = "far"')
    write(home / "work" / "deep" / "memkit.toml", 'project = "near"')
    settings = load_settings().settings
    assert (settings.project, settings.task) == ("near", None)


def test_the_home_folder_is_the_last_that_is_searched(home: Path) -> None:
    write(home.parent / "memkit.toml", 'project = "strange"')
    assert load_settings().settings.project is None
    write(home / "memkit.toml", 'project = "mine"')
    assert load_settings().settings.project == "mine"


def test_the_users_configuration_serves_where_no_folder_has_a_file(home: Path) -> None:
    write(home / ".config" / "memkit" / "config.toml", 'agent = "me"')
    assert load_settings().settings.agent == "me"
    write(home / "work" / "memkit.toml", "")
    assert load_settings().settings.agent is None


def test_memkit_config_names_the_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(home / "work" / "memkit.toml", 'agent = "folder"')
    path = write(home / "other.toml", 'agent = "named"')
    monkeypatch.setenv("MEMKIT_CONFIG", "~/other.toml")
    loaded = load_settings()
    assert loaded.settings.agent == "named"
    assert loaded.sources["agent"] == f"file {path}"


def test_a_named_file_that_is_missing_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMKIT_CONFIG", "/nowhere/memkit.toml")
    assert "MEMKIT_CONFIG names /nowhere/memkit.toml" in refused()


def test_a_removed_current_folder_is_no_error(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = home / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert load_settings().settings.namespace == "default"


def test_variables_are_read_as_what_the_setting_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMKIT_RECALL_LIMIT", "25")
    monkeypatch.setenv("MEMKIT_DENSE_WEIGHT", "0.25")
    settings = load_settings().settings
    assert settings.recall_limit == 25
    assert settings.dense_weight == 0.25


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMKIT_PROJECT", "")
    monkeypatch.setenv("MEMKIT_CONFIG", "")
    loaded = load_settings()
    assert loaded.settings.project is None
    assert loaded.sources["project"] == "default"


def test_a_relative_path_of_a_file_starts_at_the_files_folder(home: Path) -> None:
    write(home / "work" / "memkit.toml", 'url = "store/memory.db"')
    assert load_settings().settings.url == str(home / "work" / "store" / "memory.db")
    assert load_settings(url="memory.db").settings.url == "memory.db"


@pytest.mark.parametrize("url", [":memory:", "sqlite:///tmp/x.db", "/tmp/x.db"])
def test_other_stores_of_a_file_stay_as_they_are(home: Path, url: str) -> None:
    write(home / "work" / "memkit.toml", f'url = "{url}"')
    assert load_settings().settings.url == url


def test_an_unknown_argument_names_the_nearest_setting() -> None:
    message = refused(recal_limit=3)
    assert message == "there is no setting 'recal_limit' (argument): did you mean recall_limit?"


def test_an_unknown_variable_names_the_nearest_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMKIT_NAMESPCE", "x")
    message = refused()
    assert "'MEMKIT_NAMESPCE'" in message
    assert "did you mean MEMKIT_NAMESPACE?" in message


def test_an_unknown_key_of_a_file_names_file_and_nearest_setting(home: Path) -> None:
    path = write(home / "work" / "memkit.toml", 'projct = "x"')
    message = refused()
    assert str(path) in message
    assert "did you mean project?" in message


def test_a_name_like_no_setting_leads_to_the_list() -> None:
    assert "memkit config lists the settings" in refused(zzz=1)


def test_a_malformed_file_names_the_file_and_the_line(home: Path) -> None:
    path = write(home / "work" / "memkit.toml", 'project = "x"\nagent = oops')
    message = refused()
    assert message.startswith(f"{path} is not valid TOML")
    assert "line 2" in message


def test_a_file_that_is_not_utf8_is_malformed(home: Path) -> None:
    (home / "work" / "memkit.toml").write_bytes(b'project = "\xff"')
    assert "not UTF-8" in refused()


def test_a_byte_order_mark_is_accepted(home: Path) -> None:
    (home / "work" / "memkit.toml").write_bytes(b'\xef\xbb\xbfproject = "x"')
    assert load_settings().settings.project == "x"


def test_a_table_in_a_file_is_told_where_settings_stand(home: Path) -> None:
    write(home / "work" / "memkit.toml", '[memkit]\nproject = "x"')
    assert "without tables" in refused()


@pytest.mark.parametrize(
    ("line", "right"),
    [
        ('recall_limit = "many"', "should be a valid integer"),
        ("recall_limit = 0", "should be greater than or equal to 1"),
        ("recall_limit = true", "should not be true or false"),
        ("dense_weight = nan", "should be a finite number"),
        ("dense_weight = 1.5", "should be less than or equal to 1"),
        ('deduplicate = "maybe"', "should be 'near', 'exact' or 'off'"),
        ("project = 5", "should be a valid string"),
        ('namespace = ["a"]', "should be a valid string"),
    ],
)
def test_a_wrong_value_names_setting_and_file_and_what_is_right(
    home: Path, line: str, right: str
) -> None:
    path = write(home / "work" / "memkit.toml", line)
    message = refused()
    assert message.startswith(f"{line.partition(' ')[0]} (file {path}) ")
    assert right in message
    assert "pydantic" not in message


def test_all_wrong_values_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMKIT_USE_WEIGHT", "x")
    message = refused(recall_limit=-1)
    assert "recall_limit (argument)" in message
    assert "use_weight (environment MEMKIT_USE_WEIGHT)" in message


def test_an_error_quotes_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMKIT_RECALL_LIMIT", "sk-secret")
    assert "sk-secret" not in refused(openai_api_key=12345678)


def test_rows_tell_every_setting_with_source_and_description(home: Path) -> None:
    rows = {name: rest for name, *rest in load_settings(recall_limit=7).rows()}
    assert set(rows) == set(Settings.model_fields)
    assert rows["recall_limit"][:2] == ["7", "argument"]
    assert rows["project"][0] == ""
    assert all(description for *_, description in rows.values())


def test_rows_hide_secrets() -> None:
    loaded = load_settings(
        url="postgresql://ann:hunter2@db.example/memory?sslpassword=hunter3",
        embedder="openai:m?base_url=https://ann:hunter4@x.example&api_key=hunter5",
        openai_api_key="hunter6",
    )
    shown = " ".join(value for _, value, *_ in loaded.rows())
    assert "hunter" not in shown
    assert "db.example" in shown
    assert "hunter" not in repr(loaded.settings)
    assert loaded.settings.openai_api_key == SecretStr("hunter6")


@pytest.mark.parametrize(
    "line",
    [
        'url = "postgresql://evil.example/x"',
        'embedder = "openai:m?base_url=http://e.x"',
        'language_model = "openai:m?base_url=http://e.x"',
        'extraction = "model"',
        'judge = "evil:x"',
        'entities = "evil"',
        'schedule_sweep = "* * * * *"',
    ],
)
def test_a_folders_file_may_not_send_memories_elsewhere(
    home: Path, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(home / "work" / "memkit.toml", line)
    assert "which a folder's file may not" in refused()
    monkeypatch.setenv("MEMKIT_CONFIG", str(path))
    assert load_settings().settings.namespace == "default"


def test_settings_cannot_be_changed() -> None:
    settings = load_settings().settings
    with pytest.raises(ValueError, match="frozen"):
        settings.agent = "other"


def test_importing_memkit_does_not_load_the_settings_model() -> None:
    code = "import sys, memkit; assert not {'pydantic', 'memkit.config'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
