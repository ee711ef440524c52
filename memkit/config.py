"""Settings: one model, read from arguments, then the environment, then a TOML file."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from platformdirs import user_config_path, user_data_path
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from memkit.embedding.urls import masked
from memkit.errors import ConfigurationError

PREFIX = "MEMKIT_"
CONFIG_VARIABLE = "MEMKIT_CONFIG"
FILE_NAME = "memkit.toml"


def _default_url() -> str:
    return f"sqlite://{user_data_path('memkit') / 'memory.db'}"


class Settings(BaseModel):
    """What can be set, with its default. See :func:`load_settings` for where it comes from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(default_factory=_default_url, description="the store")
    namespace: str = Field("default", description="the tenant")
    project: str | None = Field(None, description="the project inside the namespace")
    task: str | None = Field(None, description="the task inside the project")
    agent: str | None = Field(None, description="who speaks")
    embedder: str | None = Field(
        None, description="the embedder; unset: local if it is installed, none: words only"
    )
    deduplicate: Literal["near", "exact", "off"] = Field(
        "near", description="which copies remember recognises"
    )
    max_content_chars: int = Field(100_000, ge=1, description="longest content, characters")
    max_metadata_bytes: int = Field(65_536, ge=2, description="largest metadata, bytes of JSON")
    recall_limit: int = Field(10, ge=1, le=1000, description="hits of a recall")
    embedder_wait_seconds: float = Field(
        0.5, ge=0, le=600, description="how long a recall waits for a model that loads"
    )
    embedding_cache_size: int = Field(4096, ge=1, description="vectors kept in memory")
    dense_weight: float = Field(
        0.5, ge=0, le=1, description="weight of meaning against words in a recall"
    )
    recency_weight: float = Field(0.05, ge=0, le=1, description="most that age takes from a score")
    confidence_weight: float = Field(
        0.1, ge=0, le=1, description="how much confidence moves a score"
    )
    use_weight: float = Field(0.05, ge=0, le=1, description="how much feedback moves a score")
    pin_weight: float = Field(0.15, ge=0, le=10, description="what a pin adds to a score")
    usage_flush_seconds: float = Field(5.0, ge=0, description="how often use counters are written")
    busy_timeout_seconds: float = Field(
        30.0, ge=0, description="how long a write waits for another process"
    )
    openai_api_key: SecretStr | None = Field(
        None, description="key for openai: embedders, instead of OPENAI_API_KEY"
    )


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings with where each one came from."""

    settings: Settings
    sources: Mapping[str, str]

    def rows(self) -> Iterator[tuple[str, str, str, str]]:
        """Name, value (secrets masked), source and description of every setting."""
        for name, field in Settings.model_fields.items():
            value = getattr(self.settings, name)
            shown = "" if value is None else masked(str(value))
            yield name, shown, self.sources[name], field.description or ""


def load_settings(**arguments: Any) -> Loaded:
    """Settings from arguments, then ``MEMKIT_*`` variables, then the TOML file.

    The file is the one that ``MEMKIT_CONFIG`` names; else the nearest ``memkit.toml`` in the
    current folder or above it; else ``config.toml`` in the user's configuration folder.

    Raises:
        ConfigurationError: a setting is unknown or malformed; the message names where.
    """
    sources: dict[str, str] = dict.fromkeys(Settings.model_fields, "default")
    values: dict[str, Any] = {}
    for source, given in _given(arguments):
        for name, value in given.items():
            label = source.format(name=name.upper())
            if name not in Settings.model_fields:
                raise ConfigurationError(_unknown(name, label))
            values[name], sources[name] = value, label
    try:
        return Loaded(Settings(**values), sources)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = str(first["loc"][0]) if first["loc"] else "settings"
        raise ConfigurationError(
            f"{name} ({sources.get(name, 'default')}): {first['msg']}"
        ) from None


def _given(arguments: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each source's settings, the weakest first."""
    path = _config_file()
    if path is not None:
        found = _read(path)
        if path.name == FILE_NAME and CONFIG_VARIABLE not in os.environ:
            _refuse_sending(path, found)
        yield f"file {path}".replace("{", "{{").replace("}", "}}"), found
    yield (
        f"environment {PREFIX}{{name}}",
        {
            key[len(PREFIX) :].lower(): value
            for key, value in os.environ.items()
            if key.startswith(PREFIX) and key != CONFIG_VARIABLE
        },
    )
    yield "argument", arguments


def _refuse_sending(path: Path, found: Mapping[str, Any]) -> None:
    """Refuse a folder's file that sends memories or keys elsewhere.

    Such a file comes with whatever was cloned or unpacked there; nobody has agreed to it.
    """
    url, embedder = str(found.get("url", "")), str(found.get("embedder", ""))
    remote = "://" in url and not url.startswith("sqlite://")
    if remote or embedder.partition(":")[0] not in ("", "none", "local", "fastembed"):
        name = "url" if remote else "embedder"
        raise ConfigurationError(
            f"{path} sets {name} to a service, which a folder's file may not: set it in "
            f"{user_config_path('memkit') / 'config.toml'} or as {PREFIX}{name.upper()}, or name "
            f"this file in {CONFIG_VARIABLE}"
        )


def _unknown(name: str, source: str) -> str:
    near = difflib.get_close_matches(name, Settings.model_fields, n=1)
    hint = f": did you mean {near[0]}?" if near else ": memkit config lists the settings"
    return f"there is no setting {name!r} ({source}){hint}"


def _config_file() -> Path | None:
    named = os.environ.get(CONFIG_VARIABLE)
    if named:
        path = Path(named).expanduser()
        if not path.is_file():
            raise ConfigurationError(f"{CONFIG_VARIABLE} names {path}, which is no file")
        return path
    try:
        here = Path.cwd()
    except FileNotFoundError:
        here = Path("/")
    for folder in (here, *here.parents):
        path = folder / FILE_NAME
        if path.is_file():
            return path
        if folder == Path.home():
            break
    path = user_config_path("memkit") / "config.toml"
    return path if path.is_file() else None


@lru_cache(maxsize=8)
def _parsed(path: Path, modified_ns: int) -> Mapping[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not valid TOML: {error}") from None


def _read(path: Path) -> Mapping[str, Any]:
    try:
        return _parsed(path, path.stat().st_mtime_ns)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
