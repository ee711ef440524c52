"""The compose files: valid by the specification, closed to the network, without a secret."""

from __future__ import annotations

import re
from typing import Any

import pytest
from compose_spec import PyCompose, parse_duration

from memkit.config import Settings
from tests.deploy.tools import DEPLOY, text

FILES = ["compose.postgres.yaml", "compose.qdrant.yaml"]


def _read(name: str) -> dict[str, Any]:
    return PyCompose.from_yaml(text(name)).to_dict()


@pytest.fixture(params=FILES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def services(name: str) -> dict[str, Any]:
    found: dict[str, Any] = _read(name)["services"]
    return found


def test_it_is_valid_by_the_specification(name: str) -> None:
    PyCompose.from_yaml(text(name)).validate()


def test_what_is_checked_by_the_specification_can_fail(name: str) -> None:
    with pytest.raises(ValueError, match="read_olny"):
        PyCompose.from_yaml(text(name).replace("read_only:", "read_olny:"))
    with pytest.raises(ValueError, match="store"):
        PyCompose.from_yaml(text(name).replace("  store:\n", "  stores:\n")).validate()


def test_the_image_is_built_from_this_repository(services: dict[str, Any]) -> None:
    build = services["memkit"]["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).resolve() == DEPLOY / "Dockerfile"


def test_nothing_is_reached_but_the_server_and_that_from_this_machine(
    services: dict[str, Any],
) -> None:
    port = Settings.model_validate({}).server_port
    assert services["memkit"]["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert [name for name in services if "ports" in services[name]] == ["memkit"]


def test_the_store_has_no_way_out(name: str, services: dict[str, Any]) -> None:
    networks = _read(name)["networks"]
    (store,) = set(services) - {"memkit"}
    assert [networks[each]["internal"] for each in services[store]["networks"]] == [True]


def test_only_the_machine_itself_is_believed_about_where_requests_come_from(
    name: str, services: dict[str, Any]
) -> None:
    (config,) = _read(name)["networks"]["front"]["ipam"]["config"]
    assert services["memkit"]["environment"]["MEMKIT_SERVER_PROXIES"] == config["gateway"]


def test_no_service_has_more_rights_than_it_needs(services: dict[str, Any]) -> None:
    for service in services.values():
        assert service["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in service["security_opt"]
        assert not service.get("privileged")
    assert services["memkit"]["read_only"]
    assert "cap_add" not in services["memkit"]


def test_what_a_service_waits_for_can_be_found_healthy(services: dict[str, Any]) -> None:
    for service in services.values():
        for other, wanted in service.get("depends_on", {}).items():
            assert wanted == {"condition": "service_healthy"}
            assert "healthcheck" in services[other]


def test_images_of_others_are_pinned(services: dict[str, Any]) -> None:
    for name, service in services.items():
        if name != "memkit":
            assert re.search(r":v?\d+\.\d+\.\d+", service["image"])


def test_secrets_come_from_outside(name: str, services: dict[str, Any]) -> None:
    for service in services.values():
        for key, value in service["environment"].items():
            if re.search(r"PASSWORD|KEY|TOKEN", key) or "@" in str(value):
                # One that is missing stops the start, rather than being empty.
                assert re.search(r"\$\{\w+:\?", value), key


def test_there_is_time_to_finish(services: dict[str, Any]) -> None:
    seconds = parse_duration(services["memkit"]["stop_grace_period"])
    assert seconds > Settings.model_validate({}).server_shutdown_seconds
