"""The tools: the operations gathered by the tool that carries them, with compact schemas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

from memkit.errors import InvalidInput
from memkit.service import inputs
from memkit.service.operation import Effect, Input, Operation, Permission, Surface
from memkit.service.table import of_surface

#: The field that says which of a tool's operations is meant.
ACTION = "action"
#: The field of recall that is this projection's own.
FIRST = "first"

_FIRST_SCHEMA = {
    "type": "boolean",
    "description": "first recall of a conversation: brings standing memories, messages",
}
# What a model can do without: the operation's input, which checks every call, says what is wrong.
_LEFT_OUT = frozenset(
    "title default additionalProperties anyOf "
    "minimum maximum exclusiveMinimum minItems maxItems".split()
)
#: Fields that null clears in an update; elsewhere null says no more than leaving a field out.
CLEARED = frozenset(("occurred_at", "expires_at", "speaker", "source"))
#: Fields whose names say what their descriptions say.
EVIDENT = frozenset(
    "channel conversation_id cursor deduplicate depth descending direction diverse expires_at "
    "history id idempotency_key ids items kinds known_at limit metadata min_relevance mode object "
    "occurred_at order_by pinned profile query reach reply_to sequence source speaker states "
    "subject target types useful valid_from valid_to".split()
)
#: Fields that no model can fill in.
UNTOLD = frozenset({"vector"})
# When to use a tool: what the table's summaries do not say.
_WHEN = {
    "remember": "Do so for whatever is worth knowing in a later session.",
    "recall": "Do so before starting work, answering or deciding.",
}


@dataclass(frozen=True)
class Tool:
    """A tool and the operations that it carries.

    Attributes:
        name: its name.
        operations: by their names; the tool's field ``action`` chooses among several.
        told: field descriptions that an earlier tool gives already.
    """

    name: str
    operations: Mapping[str, Operation]
    told: frozenset[str] = field(default_factory=frozenset)

    def chosen(self, arguments: Mapping[str, Any]) -> tuple[Operation, dict[str, Any]]:
        """The operation that a call means, and its arguments.

        Raises:
            InvalidInput: there is no such action.
        """
        given = dict(arguments)
        action = given.pop(ACTION, None)
        name = self.default if action is None else action
        operation = self.operations.get(name) if isinstance(name, str) else None
        if operation is None:
            raise InvalidInput(f"{ACTION}: should be one of {', '.join(self.operations)}")
        if self.name == "recall":
            given.pop(FIRST, None)
        nullable = _nullable(operation.input)
        # Some clients send every field of the schema, null for those that they leave out.
        return operation, {
            name: value for name, value in given.items() if value is not None or name in nullable
        }

    @property
    def default(self) -> str | None:
        """The action that is meant when none is named; ``None``: it has to be named."""
        if self.name in self.operations or len(self.operations) > 1:
            return self.name if self.name in self.operations else None
        return next(iter(self.operations))

    @cached_property
    def fields(self) -> frozenset[str]:
        """The names of its fields."""
        return frozenset(self.definition["inputSchema"]["properties"])

    @cached_property
    def definition(self) -> dict[str, Any]:
        """The tool as ``tools/list`` tells it."""
        rows = tuple(self.operations.values())
        properties: dict[str, Any] = {}
        if self.default is None or len(rows) > 1:
            properties[ACTION] = {"type": "string", "enum": list(self.operations)}
            if self.default is not None:
                properties[ACTION]["default"] = self.default
        for row in rows:
            for name, schema in fields(row).items():
                if name not in properties:
                    if name in self.told or name in EVIDENT:
                        schema.pop("description", None)
                    if name in self.told:
                        _untell_format(schema)
                    properties[name] = schema
        if self.name == "recall":
            properties[FIRST] = _FIRST_SCHEMA
        required = [ACTION] if self.default is None else []
        required += sorted(set.intersection(*(set(_required(row)) for row in rows)))
        return {
            "name": self.name,
            "description": self._description(rows),
            "inputSchema": {"type": "object", "properties": properties}
            | ({"required": required} if required else {}),
            "outputSchema": {"type": "object"},
            "annotations": _annotations(rows),
        }

    def _description(self, rows: tuple[Operation, ...]) -> str:
        if len(rows) == 1:
            told = rows[0].summary
        else:
            told = " ".join(f"{row.name}{_call(row)}: {row.summary}" for row in rows)
        when = _WHEN.get(self.name)
        return told if when is None else f"{told} {when}"


def tools(*, read_only: bool = False) -> dict[str, Tool]:
    """Every tool, by name, in the order of the table.

    Args:
        read_only: only what leaves everything as it is.
    """
    gathered: dict[str, dict[str, Operation]] = {}
    for row in of_surface(Surface.MCP):
        if row.tool is not None and not (read_only and row.effect is not Effect.READS):
            gathered.setdefault(row.tool, {})[row.name] = row
    made: dict[str, Tool] = {}
    told: frozenset[str] = frozenset()
    for name, rows in gathered.items():
        made[name] = Tool(name, rows, told)
        told |= made[name].fields
    return made


def fields(operation: Operation) -> dict[str, Any]:
    """The schemas of an operation's fields, as briefly as they can be told to a model."""
    properties = operation.input.model_json_schema().get("properties", {})
    clears = CLEARED if operation.input is inputs.Update else frozenset()
    return {
        name: _brief(schema, name in clears)
        for name, schema in properties.items()
        if name not in UNTOLD
    }


def _untell_format(schema: dict[str, Any]) -> None:
    """Leave out what form a text has; of a choice, of each."""
    schema.pop("format", None)
    for each in schema.get("anyOf", ()):
        each.pop("format", None)


def _brief(schema: Mapping[str, Any], nullable: bool = False) -> dict[str, Any]:
    if "$ref" in schema:
        return {"type": "object"}
    brief = {key: value for key, value in schema.items() if key not in _LEFT_OUT}
    given = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
    if len(given) == 1:
        inner = _brief(given[0])
        brief |= {"anyOf": [inner, {"type": "null"}]} if nullable else inner
    if "items" in schema:
        brief["items"] = _brief(schema["items"])
    return brief


def _call(operation: Operation) -> str:
    """What an operation must be given, in brackets; nothing where that is nothing."""
    required = _required(operation)
    return f"({', '.join(required)})" if required else ""


def _required(operation: Operation) -> list[str]:
    return list(operation.input.model_json_schema().get("required", ()))


@cache
def _nullable(input_: type[Input]) -> frozenset[str]:
    """The fields that null is accepted for."""
    properties = input_.model_json_schema().get("properties", {})
    return frozenset(
        name
        for name, schema in properties.items()
        if any(option.get("type") == "null" for option in schema.get("anyOf", ()))
    )


def _annotations(rows: tuple[Operation, ...]) -> dict[str, bool]:
    if all(row.effect is Effect.READS for row in rows):
        # The other two hints mean something for what writes alone.
        return {"readOnlyHint": True, "openWorldHint": False}
    return {
        "readOnlyHint": False,
        # What others can read changes or goes; a reader's own place in a channel is not that.
        "destructiveHint": any(
            row.effect in (Effect.CHANGES, Effect.DESTROYS) and row.permission > Permission.READ
            for row in rows
        ),
        "idempotentHint": all(row.idempotent for row in rows),
        "openWorldHint": False,
    }
