"""The tools are the table of operations, and cost a model little."""

from __future__ import annotations

import json
from typing import Any

import pytest

from memkit.errors import InvalidInput
from memkit.server.mcp.tools import (
    ACTION,
    CLEARED,
    COMMON,
    EVIDENT,
    FIRST,
    SELDOM,
    fields,
    tools,
    usage,
)
from memkit.service import inputs
from memkit.service.operation import Effect, Operation, Surface
from memkit.service.table import OPERATIONS, of_surface

TOKENS_MAX = 2_000
CARRIED = of_surface(Surface.MCP)


def test_there_are_eight_tools() -> None:
    assert list(tools()) == [
        "remember", "recall", "get", "list", "update", "forget", "link", "message",
    ]  # fmt: skip


@pytest.mark.parametrize("operation", CARRIED, ids=lambda operation: operation.name)
def test_every_operation_is_reached_by_its_tool(operation: Operation) -> None:
    assert operation.tool is not None
    chosen, given = tools()[operation.tool].chosen({ACTION: operation.name, "a": 1})
    assert chosen is operation
    assert given == {"a": 1}


@pytest.mark.parametrize("operation", CARRIED, ids=lambda operation: operation.name)
def test_a_tool_tells_the_fields_of_its_operations_with_their_types(operation: Operation) -> None:
    assert operation.tool is not None
    told = tools()[operation.tool].definition["inputSchema"]["properties"]
    schema = operation.input.model_json_schema()
    lines = usage(operation)
    for name, whole in schema.get("properties", {}).items():
        if name == "vector":
            # No model can fill it in.
            assert name not in told
            continue
        assert sum(line.startswith(f"{name} (") for line in lines) == 1
        if name not in told and (name in SELDOM or operation.name not in COMMON):
            continue
        # Also of what is told of another operation: a client checks what is declared.
        types = _types(told[name], {}) - {"null"}
        assert types == _types(whole, schema) - {"null"}, name
        assert _choices(told[name]) in (_choices(whole), []), name


def test_choices_that_differ_between_actions_are_not_declared() -> None:
    told = tools()["list"].definition["inputSchema"]["properties"]
    assert told["states"] == {"items": {"type": "string"}, "type": "array"}
    told = tools()["recall"].definition["inputSchema"]["properties"]
    assert "archived" in told["states"]["items"]["enum"]


def test_a_tool_has_no_field_that_none_of_its_operations_has() -> None:
    for tool in tools().values():
        told = set(tool.definition["inputSchema"]["properties"])
        theirs = {name for row in tool.operations.values() for name in fields(row)}
        assert told - theirs <= {ACTION, FIRST}


@pytest.mark.parametrize("operation", CARRIED, ids=lambda operation: operation.name)
def test_a_tool_names_every_action_with_what_it_must_be_given(operation: Operation) -> None:
    assert operation.tool is not None
    tool = tools()[operation.tool]
    if len(tool.operations) == 1:
        return
    required = operation.input.model_json_schema().get("required", [])
    call = f"{operation.name}({', '.join(required)})" if required else operation.name
    assert call in tool.definition["description"]
    assert operation.name in tool.definition["inputSchema"]["properties"][ACTION]["enum"]


def test_what_is_said_of_operations_is_said_of_real_ones() -> None:
    assert {row.name for row in CARRIED} >= COMMON
    assert {name for row in CARRIED for name in row.input.model_fields} >= SELDOM


def test_usage_says_what_is_required_and_what_values_there_are() -> None:
    lines = usage(OPERATIONS["add_to_profile"])
    assert lines[0] == "text (string, required): what is known"
    assert lines[1].startswith("section (constraints | preferences | decisions | facts | notes):")
    assert "valid_from (time, ISO 8601): now if absent" in usage(OPERATIONS["assert_fact"])
    assert "ids (list of string, required): the records' ids" in usage(OPERATIONS["forget"])


def test_a_tool_requires_what_all_of_its_operations_require() -> None:
    required = {
        name: tool.definition["inputSchema"].get("required") for name, tool in tools().items()
    }
    assert required == {
        "remember": None,
        "recall": ["query"],
        "get": ["id"],
        "list": None,
        "update": ["id"],
        "forget": None,
        "link": None,
        "message": [ACTION],
    }


def test_operations_that_are_for_people_are_no_tools() -> None:
    carried = {name for tool in tools().values() for name in tool.operations}
    assert carried == {row.name for row in CARRIED}
    assert not carried & {"grant", "create_token", "audit", "compact", "create_principal"}


@pytest.mark.filterwarnings("ignore:open_binary is deprecated:DeprecationWarning")
def test_all_tools_together_cost_few_tokens() -> None:
    import bpe_openai  # type: ignore[import-untyped]

    # The tables of GPT-4o's tokenizer come with this package; the model's own are not public.
    encoding = bpe_openai.get_encoding("o200k_base")
    listed = {"tools": [tool.definition for tool in tools().values()]}
    told = json.dumps(listed, separators=(",", ":"))
    assert len(encoding.encode(told)) < TOKENS_MAX


def test_hints_say_what_a_tool_may_do() -> None:
    hints = {name: tool.definition["annotations"] for name, tool in tools().items()}
    reading = {name for name, each in hints.items() if each["readOnlyHint"]}
    destructive = {name for name, each in hints.items() if each.get("destructiveHint")}
    assert reading == {"recall", "get", "list"}
    assert destructive == {"update", "forget", "link"}
    assert not any(each["openWorldHint"] for each in hints.values())
    assert not hints["remember"]["idempotentHint"]


def test_reading_alone_leaves_no_tool_that_changes_anything() -> None:
    for tool in tools(read_only=True).values():
        assert all(row.effect is Effect.READS for row in tool.operations.values())
        assert tool.definition["annotations"]["readOnlyHint"]
    assert "remember" not in tools(read_only=True)
    assert set(tools(read_only=True)["link"].operations) == {"related"}
    assert tools(read_only=True)["link"].chosen({"id": "1"})[0].name == "related"


def test_an_unknown_action_is_refused_with_those_there_are() -> None:
    with pytest.raises(InvalidInput, match="action: should be one of forget, restore, erase"):
        tools()["forget"].chosen({ACTION: "destroy"})
    with pytest.raises(InvalidInput, match="action"):
        tools()["message"].chosen({})
    with pytest.raises(InvalidInput, match="action"):
        tools()["list"].chosen({ACTION: ["list"]})


def test_null_is_left_out_where_it_would_be_refused() -> None:
    _, given = tools()["list"].chosen({"reach": None, "kinds": None, "limit": None})
    assert given == {"kinds": None}
    _, given = tools()["list"].chosen({ACTION: "tags", "kinds": None})
    assert given == {}


def test_what_is_said_of_fields_is_said_of_real_ones() -> None:
    all_fields = {name for row in OPERATIONS.values() for name in row.input.model_fields}
    assert all_fields >= EVIDENT
    assert inputs.Update(id="1", **dict.fromkeys(CLEARED)).model_fields_set >= CLEARED


def _types(schema: dict[str, Any], whole: dict[str, Any]) -> set[str]:
    if "$ref" in schema:
        return _types(whole["$defs"][schema["$ref"].rpartition("/")[2]], whole)
    if "anyOf" in schema:
        return {name for option in schema["anyOf"] for name in _types(option, whole)}
    return {schema["type"]} if "type" in schema else set()


def _choices(schema: dict[str, Any]) -> Any:
    options = [schema, *schema.get("anyOf", ())]
    found = [option["enum"] for option in options if "enum" in option]
    found += [
        option["items"]["enum"]
        for option in options
        if isinstance(option.get("items"), dict) and "enum" in option["items"]
    ]
    return found
