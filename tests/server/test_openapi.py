"""The server keeps what its description says, whatever comes in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
import schemathesis
from schemathesis.checks import CHECKS, not_a_server_error

from memkit.server.openapi import document
from tests.server.standing import Standing, standing


@schemathesis.serializer("application/x-ndjson")
def _lines(_: Any, value: Any) -> bytes:
    return str(value).encode("utf-8", "replace")


# A stream of events does not end, and has tests of its own.
schema = schemathesis.openapi.from_dict(document()).exclude(path="/api/events")
_KEPT: list[Any] = CHECKS.get_by_names(
    [
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
        "status_code_conformance",
    ]
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    with standing(tmp_path_factory.mktemp("described") / "memory.db") as told:
        client = told.client("root")
        for number in range(3):
            client.post("/api/memories", json={"content": f"something {number}"})
        yield told


@schema.parametrize()
@hypothesis.settings(
    max_examples=12,
    derandomize=True,
    deadline=None,
    suppress_health_check=list(hypothesis.HealthCheck),
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
)
def test_the_description_is_kept(case: schemathesis.Case[Any], served: Standing) -> None:
    body: Any = case.body
    if isinstance(body, dict) and "wait" in body:
        # Waiting for messages is not what this is about.
        body["wait"] = 0
    token = served.tokens["root"]
    response = case.call(base_url=served.url, headers={"Authorization": f"Bearer {token}"})
    case.validate_response(response, checks=[not_a_server_error, *_KEPT])
