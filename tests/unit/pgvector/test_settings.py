"""URLs: what they say, what they refuse, and that no message tells their secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from memkit.errors import ConfigurationError
from memkit_pgvector import PgvectorBackend
from memkit_pgvector.settings import settings_from


def test_a_url_names_hosts_database_and_options() -> None:
    settings = settings_from(
        "postgresql://u:p%40ss@h1:5432,h2:5433/db?sslmode=require&schema=agents&pool_size=3"
        "&reads=standby&vectors=vector&partitions=4&text_search=tsvector&pooler=true"
    )
    assert settings.conninfo["host"] == "h1,h2"
    assert settings.conninfo["port"] == "5432,5433"
    assert settings.conninfo["password"] == "p@ss"
    assert settings.conninfo["sslmode"] == "require"
    assert (settings.schema, settings.pool_size, settings.reads) == ("agents", 3, "standby")
    assert (settings.vectors, settings.partitions, settings.pooler) == ("vector", 4, True)
    assert settings.location == "postgresql://h1:5432,h2:5433/db"
    assert settings.hosts == 2


def test_an_embedded_servers_url_names_a_folder() -> None:
    settings = settings_from("postgres-embedded:///var/lib/my%20agent?schema=s")
    assert settings.folder == Path("/var/lib/my agent")
    assert settings.schema == "s"
    assert settings.location == "postgres-embedded:///var/lib/my agent"


@pytest.mark.parametrize(
    "url",
    [
        "mysql://h/db",
        "postgresql://u:hunter2@h/db?pool_size=none",
        "postgresql://u:hunter2@h/db?pool_size=0",
        "postgresql://u:hunter2@h/db?schema=",
        "postgresql://u:hunter2@h/db?schema=pg_catalog",
        "postgresql://u:hunter2@h/db?schema=a&schema=b",
        "postgresql://u:hunter2@h/db?vectors=float64",
        "postgresql://u:hunter2@h/db?nonsense=1",
        "postgresql://u:hunter2@h:port/db",
        "postgres-embedded://relative/path",
        "postgres-embedded:///",
        "postgres-embedded:///path?sslmode=require",
    ],
)
def test_what_cannot_be_is_refused_without_the_password(url: str) -> None:
    if "h:port" in url:
        # libpq itself reads ports when it connects.
        assert "hunter2" not in repr(settings_from(url))
        return
    with pytest.raises(ConfigurationError) as caught:
        settings_from(url)
    assert "hunter2" not in str(caught.value)


def test_no_representation_of_a_backend_holds_its_password() -> None:
    backend = PgvectorBackend.from_url("postgresql://u:hunter2@h/db")
    assert "hunter2" not in repr(backend.settings)
    assert "hunter2" not in backend.settings.location
