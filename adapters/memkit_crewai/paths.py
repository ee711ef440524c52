"""CrewAI's scope paths as tuples of labels, matched label by label."""

from __future__ import annotations

from collections.abc import Sequence

from memkit.errors import InvalidScope
from memkit.scope import check_label

Labels = tuple[str, ...]

ROOT = "/"


def labels_of(path: str | None) -> Labels:
    """The labels of a path such as ``/company/team``; none for ``/``, ``""`` and ``None``.

    Raises:
        InvalidScope: one of them is no label.
    """
    if path is None:
        return ()
    if not isinstance(path, str):
        raise InvalidScope(f"a scope is a path such as /company/team, not {type(path).__name__}")
    # A model that suggests paths writes "/ research /ai" too.
    parts = (part.strip() for part in path.split("/"))
    return tuple(check_label(part, "each part of a scope path") for part in parts if part)


def path_of(labels: Sequence[str]) -> str:
    """The path that labels make: the one way in which it is stored and shown."""
    return ROOT + "/".join(labels)


def ancestry(labels: Labels) -> list[str]:
    """The paths of a place and of all above it, ``/`` first: what finds it by whole labels."""
    return [path_of(labels[:depth]) for depth in range(len(labels) + 1)]


def contains(outer: Labels, inner: Labels) -> bool:
    """Whether ``inner`` is ``outer`` or lies below it."""
    return inner[: len(outer)] == outer
