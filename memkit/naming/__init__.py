"""Names in texts: whom and what a text tells of, found by rules, without a model."""

from __future__ import annotations

from memkit.naming.finders import OFF, RULES, Finder, finder_of, found_by
from memkit.naming.finding import MOST, NAME_MAX, is_name, names_in
from memkit.naming.stamping import ALSO_KNOWN_AS, distinct, named

__all__ = [
    "ALSO_KNOWN_AS",
    "MOST",
    "NAME_MAX",
    "OFF",
    "RULES",
    "Finder",
    "distinct",
    "finder_of",
    "found_by",
    "is_name",
    "named",
    "names_in",
]
