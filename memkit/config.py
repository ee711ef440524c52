"""Settings: one model, read from arguments, then the environment, then a TOML file."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from platformdirs import user_config_path, user_data_path
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from memkit.embedding.urls import masked
from memkit.errors import ConfigurationError

PREFIX = "MEMKIT_"
#: The one variable that is no setting: it names the TOML file.
CONFIG_VARIABLE = "MEMKIT_CONFIG"
FILE_NAME = "memkit.toml"


def _default_url() -> str:
    path = user_data_path("memkit") / "memory.db"
    return f"sqlite{path.as_uri().removeprefix('file')}"


class Settings(BaseModel):
    """What can be set, with its default. See :func:`load_settings` for where it comes from."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True
    )

    url: str = Field(
        default_factory=_default_url,
        repr=False,  # it may hold a password
        description="the store: a path, sqlite:///path or another backend's URL",
    )
    namespace: str = Field("default", description="the tenant")
    project: str | None = Field(None, description="the project inside the namespace")
    task: str | None = Field(None, description="the task inside the project")
    agent: str | None = Field(None, description="who speaks")
    embedder: str | None = Field(
        None,
        repr=False,
        description="the embedder; unset: local if it is installed, none: words only",
    )
    deduplicate: Literal["near", "exact", "off"] = Field(
        "near", description="which copies remember recognises"
    )
    max_content_chars: int = Field(100_000, ge=1, description="longest content, characters")
    max_metadata_bytes: int = Field(65_536, ge=2, description="largest metadata, bytes of JSON")
    recall_limit: int = Field(10, ge=1, le=1000, description="hits of a recall")
    entities: str = Field(
        "rules", min_length=1, description="what finds the names in texts: rules, off or a finder"
    )
    constraints_limit: int = Field(
        20, ge=0, le=1000, description="constraints that ride along with a recall"
    )
    embedder_wait_seconds: float = Field(
        0.5, ge=0, le=600, description="how long a recall waits for a model that loads"
    )
    embedding_cache_size: int = Field(4096, ge=1, description="vectors kept in memory")
    profile: Literal["fast", "balanced", "best"] = Field(
        "balanced", description="how much a recall looks at"
    )
    token_vectors: Literal["off", "on"] = Field(
        "off", description="whether token vectors are kept, for the profile best"
    )
    dense_weight: float = Field(
        0.5, ge=0, le=1, description="weight of meaning against words in a recall"
    )
    recency_weight: float = Field(0.05, ge=0, le=1, description="most that age takes from a score")
    confidence_weight: float = Field(
        0.1, ge=0, le=1, description="how much confidence moves a score"
    )
    use_weight: float = Field(0.05, ge=0, le=1, description="how much feedback moves a score")
    pin_weight: float = Field(0.15, ge=0, le=10, description="what a pin adds to a score")
    summarized_weight: float = Field(
        0.6, ge=0, le=1, description="what is left of the score of what a summary speaks for"
    )
    usage_flush_seconds: float = Field(5.0, ge=0, description="how often use counters are written")
    reranker: str | None = Field(
        None, repr=False, description="the reranker of the profile best; unset: none"
    )
    rerank_candidates: int = Field(20, ge=1, le=200, description="hits that are reranked")
    rerank_deadline_seconds: float = Field(
        1.0, gt=0, le=60, description="how long a recall waits for the reranker"
    )
    rerank_weight: float = Field(
        0.5, ge=0, le=1, description="weight of the reranker against the fused order"
    )
    reranker_api_key: SecretStr | None = Field(
        None, description="key of a service's reranker, instead of the vendor's own variable"
    )
    openai_api_key: SecretStr | None = Field(
        None, description="key for openai: embedders, instead of OPENAI_API_KEY"
    )
    judge: str | None = Field(
        None, repr=False, description="the model that says what contradicts what; unset: none"
    )
    language_model: str | None = Field(
        None, repr=False, description="the language model that extracts and summarises; unset: none"
    )
    language_model_api_key: SecretStr | None = Field(
        None, description="key of the language model's service, instead of OPENAI_API_KEY"
    )
    language_model_timeout_seconds: float = Field(
        60.0, gt=0, le=3600, description="how long one answer of the language model may take"
    )
    extraction: Literal["off", "rules", "model"] = Field(
        "off", description="what is extracted from memories as they are stored, and with what"
    )

    token: SecretStr | None = Field(
        None, description="what a client shows a server, where the store is an http:// URL"
    )
    allow_http: Literal["off", "on"] = Field(
        "off", description="whether a token may go unencrypted to another machine"
    )
    timeout_seconds: float = Field(
        30.0, gt=0, le=3600, description="how long a client waits for a server's answer"
    )

    control: str | None = Field(
        None,
        repr=False,  # it may hold a password
        description="where principals, tokens and the audit are; unset: with the store",
    )
    jwt_issuer: str | None = Field(None, description="the identity provider whose JWTs are taken")
    jwt_audience: str | None = Field(None, description="whom those JWTs must be made for")
    jwt_jwks_url: str | None = Field(None, description="where the identity provider's keys are")
    jwt_namespaces_claim: str | None = Field(
        None, description="the claim that lists the namespaces of a JWT's bearer"
    )
    jwt_permission: Literal["read", "write", "admin"] = Field(
        "write", description="the most that a JWT's bearer may do in those namespaces"
    )
    jwt_agents_claim: str | None = Field(
        None, description="the claim that lists whom a JWT's bearer may speak as"
    )

    server_host: str = Field("127.0.0.1", description="the address that is listened on")
    server_port: int = Field(8000, ge=0, le=65535, description="the port; 0: any that is free")
    server_auth: Literal["token", "none"] = Field(
        "token", description="whether callers must prove who they are; none: this machine only"
    )
    server_allowed_hosts: str | None = Field(
        None, description="names that the server is called by, with commas; *: any"
    )
    server_cors_origins: str | None = Field(
        None, description="web pages' origins that may call, with commas; *: any"
    )
    server_proxies: str | None = Field(
        None, description="addresses of reverse proxies, whose word on callers is taken"
    )
    server_max_request_bytes: int = Field(
        8_388_608, ge=1024, description="largest body of a request"
    )
    server_max_import_bytes: int = Field(
        1_073_741_824, ge=1024, description="largest body of an import"
    )
    server_body_seconds: float = Field(
        30.0, gt=0, le=3600, description="how long headers, and then a body, may take to come"
    )
    server_rate: str = Field(
        "1000/second", description="requests of one principal, as 1000/second; none: no limit"
    )
    server_refusals: str = Field(
        "30/minute", description="refused credentials of one address; none: no limit"
    )
    server_workers: int = Field(1, ge=1, le=64, description="processes that share the port")
    server_concurrency: int = Field(256, ge=1, description="requests at once")
    server_streams: int = Field(128, ge=1, description="readers of events at once")
    server_heartbeat_seconds: float = Field(
        15.0, gt=0, le=600, description="between two signs of life in a stream of events"
    )
    server_recheck_seconds: float = Field(
        5.0, gt=0, le=600, description="how often a stream's credential is looked at again"
    )
    server_shutdown_seconds: float = Field(
        30.0, gt=0, le=3600, description="how long accepted requests may take at the end"
    )
    server_metrics: Literal["token", "loopback"] = Field(
        "token", description="who reads /metrics: administrators, or this machine too"
    )

    consolidate_similarity: float = Field(
        0.55, gt=0, le=1, description="least mean cosine of records that get one summary"
    )
    consolidate_quiet_seconds: float = Field(
        3600.0, ge=0, le=31_536_000, description="silence after which an episode is over"
    )
    schedule_consolidate: str | None = Field(
        None, description="when the server consolidates, as cron has it; unset: never"
    )
    schedule_sweep: str | None = Field(
        None, description="when the server sweeps, as cron has it; unset: never"
    )
    schedule_extract: str | None = Field(
        None, description="when the server extracts, as cron has it; unset: never"
    )
    schedule_timezone: str = Field("UTC", description="the time zone of those times")

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_values(cls, value: object) -> object:
        # None of the settings is one, but pydantic would take true for 1.
        if isinstance(value, bool):
            raise ValueError("should not be true or false")
        return value


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
    current folder or above it, up to the home folder; else ``config.toml`` in the user's
    configuration folder. A path in it that is not absolute starts at the file's folder. An
    empty variable counts as not set.

    Raises:
        ConfigurationError: a setting is unknown or malformed; the message names where and
            what would be right, and quotes no value.
    """
    sources: dict[str, str] = dict.fromkeys(Settings.model_fields, "default")
    values: dict[str, Any] = {}
    for source, given in _given(arguments):
        for name, value in given.items():
            label = f"environment {PREFIX}{name.upper()}" if source == "environment" else source
            if name not in Settings.model_fields:
                raise ConfigurationError(_unknown(name, label))
            values[name], sources[name] = value, label
    try:
        return Loaded(Settings(**values), sources)
    except ValidationError as error:
        raise ConfigurationError(_malformed(error, sources)) from None


def _malformed(error: ValidationError, sources: Mapping[str, str]) -> str:
    """What is wrong with each setting, where it was set, and what would be right."""
    wrong = []
    for detail in error.errors(include_url=False, include_context=False, include_input=False):
        name = str(detail["loc"][0])
        what = detail["msg"].removeprefix("Value error, ").replace("Input should", "should", 1)
        wrong.append(f"{name} ({sources[name]}) {what}")
    return "; ".join(wrong)


def _given(arguments: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each source's settings, the weakest first."""
    path = _config_file()
    if path is not None:
        found = _read(path)
        if path.name == FILE_NAME and not os.environ.get(CONFIG_VARIABLE):
            _refuse_sending(path, found)
        yield f"file {path}", found
    yield (
        "environment",
        {
            key[len(PREFIX) :].lower(): value
            for key, value in os.environ.items()
            if key.startswith(PREFIX) and key != CONFIG_VARIABLE and value
        },
    )
    yield "argument", arguments


# What a folder's file may name: nothing of it leaves this machine.
_LOCAL = {
    "embedder": ("", "none", "local", "fastembed"),
    "reranker": ("", "none", "fastembed"),
    "judge": ("", "none"),
    "language_model": ("", "none"),
    "extraction": ("", "off", "rules"),
    "entities": ("", "off", "rules"),
}


def _refuse_sending(path: Path, found: Mapping[str, Any]) -> None:
    """Refuse a folder's file that sends memories or keys elsewhere.

    Such a file comes with whatever was cloned or unpacked there; nobody has agreed to it.
    """
    url = str(found.get("url", ""))
    remote = "url" if "://" in url and not url.startswith("sqlite://") else None
    for name, local in _LOCAL.items():
        if str(found.get(name, "")).partition(":")[0] not in local:
            remote = name
    what = f"{remote} to a service"
    for name in found:
        # Whoever sets these says who may do what.
        if name in ("control", "token", "allow_http") or name.startswith(
            ("jwt_", "schedule_", "server_")
        ):
            remote = what = name
    if remote is not None:
        raise ConfigurationError(
            f"{path} sets {what}, which a folder's file may not: set it in "
            f"{user_config_path('memkit') / 'config.toml'} or as {PREFIX}{remote.upper()}, or name "
            f"this file in {CONFIG_VARIABLE}"
        )


def _unknown(name: str, source: str) -> str:
    near = difflib.get_close_matches(name, Settings.model_fields, n=1)
    if source.startswith("environment"):
        named, nearest = source.removeprefix("environment "), f"{PREFIX}{''.join(near).upper()}"
    else:
        named, nearest = name, "".join(near)
    hint = f"did you mean {nearest}?" if near else "memkit config lists the settings"
    return f"there is no setting {named!r} ({source}): {hint}"


def _config_file() -> Path | None:
    named = os.environ.get(CONFIG_VARIABLE)
    if named:
        path = Path(named).expanduser()
        if not path.is_file():
            raise ConfigurationError(f"{CONFIG_VARIABLE} names {path}, which is no file")
        return path
    return _folder_file() or _user_file()


def _folder_file() -> Path | None:
    """The nearest ``memkit.toml`` in the current folder or above it, up to the home folder."""
    try:
        here = Path.cwd()
    except FileNotFoundError:
        # The current folder was removed.
        return None
    home = Path(os.path.expanduser("~"))
    for folder in (here, *here.parents):
        path = folder / FILE_NAME
        if path.is_file():
            return path
        if folder == home:
            break
    return None


def _user_file() -> Path | None:
    path = user_config_path("memkit") / "config.toml"
    return path if path.is_file() else None


def _read(path: Path) -> Mapping[str, Any]:
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not valid TOML: {_position(error)}") from None
    for name, value in found.items():
        if isinstance(value, dict) and name not in Settings.model_fields:
            raise ConfigurationError(
                f"{path} has a table [{name}]: settings stand at the top, without tables"
            )
    url = found.get("url")
    if isinstance(url, str) and url and "://" not in url and url != ":memory:":
        # A folder's file means the same store from every folder below it.
        found["url"] = str(path.parent.absolute() / Path(url).expanduser())
    return found


def _position(error: ValueError) -> str:
    """Where the TOML breaks off; tomllib may quote a key, but no value."""
    if isinstance(error, UnicodeDecodeError):
        return f"it is not UTF-8 from byte {error.start}"
    return str(error)
