"""The table is whole, and REST shows it as it is."""

from __future__ import annotations

import pytest
from starlette.routing import Route

from memkit import errors
from memkit.errors import MemkitError
from memkit.server.openapi import document
from memkit.server.projection import has_body, is_placed, path_fields
from memkit.service import OPERATIONS, Effect, Operation, Permission, Surface
from memkit.service.failures import FAILURES, failure_of
from memkit.service.streams import STREAMS
from memkit.service.table import of_surface, operation
from tests.server.standing import Standing

ROWS = pytest.mark.parametrize("row", OPERATIONS.values(), ids=list(OPERATIONS))


def test_every_operation_has_a_route_of_its_own() -> None:
    rows = [*OPERATIONS.values(), *STREAMS.values()]
    assert len({(row.route.method, row.route.path) for row in rows}) == len(rows)
    assert len({row.name for row in rows}) == len(rows)


@ROWS
def test_a_row_agrees_with_itself(row: Operation) -> None:
    assert set(path_fields(row)) <= set(row.input.model_fields)
    assert row.summary.endswith(".")
    if row.effect is Effect.READS:
        assert row.idempotent
        # These two may ask for more than a URL holds.
        assert row.route.method == "GET" or row.name in {"recall", "get_many"}
    else:
        assert row.route.method != "GET"
    if row.effect is Effect.DESTROYS:
        assert row.permission >= Permission.ADMIN
    if row.permission is Permission.SERVER:
        # Rules over callers are nothing for a model.
        assert row.tool is None
    assert (row.tool is None) == (Surface.MCP not in row.surfaces)


def test_only_what_is_about_the_server_itself_takes_its_place_as_an_argument() -> None:
    for row in [*OPERATIONS.values(), *STREAMS.values()]:
        if is_placed(row):
            assert not {"namespace", "project", "task", "agent"} & set(row.input.model_fields)


def test_every_operation_is_reachable_over_rest(server: Standing) -> None:
    shown = {
        (method, route.path, route.name)
        for route in server.app.routes
        if isinstance(route, Route)
        for method in (route.methods or ())
    }
    for row in [*of_surface(Surface.REST), *STREAMS.values()]:
        assert (row.route.method, row.route.path, row.name) in shown


@ROWS
def test_the_description_has_the_models_of_the_table(row: Operation) -> None:
    told = document()["paths"][row.route.path][row.route.method.lower()]
    fields = set(row.input.model_fields)
    if has_body(row):
        body = told["requestBody"]["content"]["application/json"]["schema"]
        shown = set(body.get("properties", {}))
        assert body["additionalProperties"] is False
    else:
        shown = {each["name"] for each in told["parameters"] if each["in"] == "query"}
        if is_placed(row):
            assert {"namespace", "project", "task", "agent"} <= shown
            shown -= {"namespace", "project", "task", "agent"}
    assert shown == fields - set(path_fields(row))
    assert str(row.route.status) in told["responses"]


def _kinds(kind: type[MemkitError]) -> list[type[MemkitError]]:
    return [kind, *(each for sub in kind.__subclasses__() for each in _kinds(sub))]


def test_every_error_of_the_library_has_a_status_of_its_own() -> None:
    ours = [kind for kind in _kinds(MemkitError) if kind.__module__ == errors.__name__]
    assert {kind.code for kind in ours} <= set(FAILURES)


def test_an_error_of_somebody_else_means_what_its_base_does() -> None:
    class Mine(errors.RecordNotFound):
        code = "mine"

    assert failure_of(Mine("no")).status == 404


def test_there_is_no_operation_of_another_name() -> None:
    with pytest.raises(errors.InvalidInput, match="there is no operation"):
        operation("remembr")
