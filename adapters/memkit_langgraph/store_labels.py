"""Namespaces of a LangGraph store: tuples of labels, kept and matched label by label."""

from __future__ import annotations

import re
from base64 import b32decode, b32encode
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

from langgraph.store.base import MatchCondition

from memkit.errors import InvalidInput
from memkit.filters import ContainsAny, Eq, Filter

Labels = tuple[str, ...]

_POSITION = "langgraph.namespace.{}"
# What memkit's metadata cannot hold, and the character that stands for it.
_UNSTORABLE = re.compile("[\\\\\x00\ud800-\udfff]")
_ESCAPED = re.compile(r"\\([0-9a-f]{4})")
# A namespace stands in its records' tag, so that one count tells all namespaces. A tag is of
# letters and digits alone: it is one term of the lexical leg, and no query's word.
# Private items have tags of their own: who lists the others must not count them.
_SPELT, _HASHED = ("lgns", "lgpns"), ("lghash", "lgphash")
_BELOW = "lgbelow"
_TAG_MAX = 200


def escaped(text: str) -> str:
    """Text that metadata can hold: lone surrogates and NUL are spelt out."""
    return _UNSTORABLE.sub(lambda found: f"\\{ord(found.group()):04x}", text)


def unescaped(text: str) -> str:
    """What :func:`escaped` was given."""
    return _ESCAPED.sub(lambda found: chr(int(found.group(1), 16)), text)


def labels_metadata(namespace: Labels) -> dict[str, str]:
    """The metadata that say in which namespace an item is, a key for each label."""
    return {_POSITION.format(at): escaped(label) for at, label in enumerate(namespace)}


def labels_of(metadata: Mapping[str, Any]) -> Labels:
    """The namespace that an item's metadata tell of."""
    labels: list[str] = []
    while (label := metadata.get(_POSITION.format(len(labels)))) is not None:
        labels.append(unescaped(label))
    return tuple(labels)


def below(prefix: Labels) -> tuple[Filter, ...]:
    """What holds of items in a namespace and in those below it."""
    if not prefix:
        return ()
    # The tag is what backends have an index for; the labels are what it stands for.
    return (
        ContainsAny("tags", (_below_tag(prefix),)),
        *(
            Eq(f"metadata.{_POSITION.format(at)}", escaped(label))
            for at, label in enumerate(prefix)
        ),
    )


def item_tags(namespace: Labels, *, private: bool) -> tuple[str, ...]:
    """The tags of a namespace's items: one that tells it, and one for each prefix of it."""
    prefixes = (namespace[:length] for length in range(1, len(namespace) + 1))
    return (namespace_tag(namespace, private=private), *map(_below_tag, prefixes))


def namespace_tag(namespace: Labels, *, private: bool) -> str:
    """The tag of a namespace's items; short namespaces can be read from it."""
    joined = _joined(namespace)
    spelt = _SPELT[private] + b32encode(joined).decode().rstrip("=").lower()
    if len(spelt) <= _TAG_MAX:
        return spelt
    return _HASHED[private] + blake2b(joined, digest_size=16).hexdigest()


def _below_tag(prefix: Labels) -> str:
    return _BELOW + blake2b(_joined(prefix), digest_size=16).hexdigest()


def _joined(namespace: Labels) -> bytes:
    # No label has a period.
    return ".".join(namespace).encode("utf-8", "surrogatepass")


def spelt_out(tags: Iterable[str], *, private: bool) -> tuple[set[Labels], list[str]]:
    """The namespaces that tags name, and the tags of those that can only be looked up."""
    namespaces: set[Labels] = set()
    hashed = []
    for tag in tags:
        if tag.startswith(_HASHED[private]):
            hashed.append(tag)
        elif tag.startswith(_SPELT[private]):
            labels = _decoded(tag.removeprefix(_SPELT[private]))
            if labels is not None:
                namespaces.add(labels)
    return namespaces, hashed


def _decoded(text: str) -> Labels | None:
    try:
        padded = text.upper() + "=" * (-len(text) % 8)
        joined = b32decode(padded).decode("utf-8", "surrogatepass")
    except ValueError:
        # Somebody's own tag that only begins like ours.
        return None
    return tuple(joined.split(".")) if joined else ()


def matches_all(namespace: Labels, conditions: Iterable[MatchCondition]) -> bool:
    """Whether a namespace meets every condition; ``*`` stands for any one label.

    Raises:
        InvalidInput: a condition is neither on the beginning nor on the end.
    """
    return all(_matches(namespace, condition) for condition in conditions)


def _matches(namespace: Labels, condition: MatchCondition) -> bool:
    path = tuple(condition.path)
    if condition.match_type not in ("prefix", "suffix"):
        raise InvalidInput("a namespace is matched by its 'prefix' or its 'suffix'")
    if len(namespace) < len(path):
        return False
    start = 0 if condition.match_type == "prefix" else len(namespace) - len(path)
    return _agree(namespace[start : start + len(path)], path)


def _agree(labels: Sequence[str], path: Sequence[str]) -> bool:
    return all(wanted in ("*", label) for label, wanted in zip(labels, path, strict=True))
