from __future__ import annotations

from pathlib import Path

import pytest

from memkit.errors import ConfigurationError
from memkit.registry import backend_from_url
from memkit_chroma import ChromaBackend
from memkit_chroma.places import place_of


def test_a_server_is_named_by_host_port_and_database() -> None:
    place = place_of("chroma://chroma.example:9000/memories?tenant=acme&timeout=5&prefix=agents")
    assert (place.host, place.port, place.tls) == ("chroma.example", 9000, False)
    assert (place.tenant, place.database, place.prefix) == ("acme", "memories", "agents")
    assert place.timeout == 5
    assert place.shared
    assert place.location == "chroma://chroma.example:9000/memories"


def test_what_is_left_out_is_chromas_own() -> None:
    place = place_of("chroma://localhost")
    assert (place.port, place.tenant, place.database) == (
        8000,
        "default_tenant",
        "default_database",
    )
    assert place_of("chromas://localhost").port == 443


@pytest.mark.parametrize(
    ("option", "header"),
    [
        ("", {"Authorization": "Bearer s3cret"}),
        ("?token_header=X-Chroma-Token", {"X-Chroma-Token": "s3cret"}),
    ],
)
def test_a_token_goes_into_its_header_and_nowhere_else(option: str, header: dict[str, str]) -> None:
    place = place_of(f"chromas://s3cret@chroma.example/db{option}")
    assert place.headers == header
    assert "s3cret" not in f"{place} {place.location}"


def test_a_folder_is_embedded_or_served() -> None:
    assert place_of("chroma:///var/lib/a%20b").folder == Path("/var/lib/a b")
    assert not place_of("chroma:///var/lib/memories").shared
    served = place_of("chroma+serve:///var/lib/memories")
    assert served.serve
    assert served.shared
    assert served.location == "chroma+serve:///var/lib/memories"


@pytest.mark.parametrize(
    "url",
    [
        "chroma://",
        "chroma:///",
        "chroma+serve://host/path",
        "chromas:///path",
        "chroma://user:s3cret@host/db",
        "chroma://host/one/two",
        "chroma://host/db?timeout=0",
        "chroma://host/db?s3cre=1",
        "chroma://host/db?prefix=a%2Fb",
        "chroma://host/db?token_header=cookie",
        "chroma:///path?tenant=acme",
        "chroma://host:s3cret/db",
    ],
)
def test_other_urls_are_refused_without_quoting_them(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        place_of(url)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("url", ["chroma:///p", "chroma+serve:///p", "chroma://h", "chromas://h"])
def test_the_registry_knows_each_form(url: str) -> None:
    backend = backend_from_url(url)
    assert isinstance(backend, ChromaBackend)
    assert backend.capabilities.multi_process is (url != "chroma:///p")
