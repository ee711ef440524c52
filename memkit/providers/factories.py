"""From a URL's scheme to what makes the provider: memkit's own, or an entry point."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Final

from memkit.errors import ConfigurationError, MissingDependency
from memkit.providers.urls import masked

#: The URL that names no provider.
NONE: Final = "none"


def factory_of(
    scheme: str,
    url: str,
    *,
    noun: str,
    group: str,
    ours: Mapping[str, str],
    error: type[MissingDependency],
) -> Callable[[str], object]:
    """What makes a provider from its URL.

    Args:
        scheme: the URL's scheme.
        url: the whole of it, for messages.
        noun: what is made: ``embedder``.
        group: the group of entry points.
        ours: memkit's own schemes, with the module that has a ``from_url``; no other package
            can take their names.
        error: what to raise for an entry point that cannot be imported.

    Raises:
        ConfigurationError: no provider of that name is installed, or it cannot be called.
        MissingDependency: as ``error`` says.
    """
    if scheme in ours:
        own: Callable[[str], object] = importlib.import_module(ours[scheme]).from_url
        return own
    from importlib.metadata import entry_points

    found = entry_points(group=group)
    if scheme not in found.names:
        there = ", ".join(sorted({*ours, *found.names, NONE}))
        raise ConfigurationError(f"there is no {noun} for {masked(url)!r}; there are: {there}")
    point = found[scheme]
    try:
        factory = point.load()
    except (ImportError, AttributeError) as cause:
        raise error(f"the {noun} {scheme} ({point.value}) cannot be imported: {cause}") from cause
    if not callable(factory):
        raise ConfigurationError(f"the {noun} {scheme} ({point.value}) is not callable")
    return factory  # type: ignore[no-any-return]
