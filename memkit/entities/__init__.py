"""Entities: whom and what records tell of, under all their names."""

from __future__ import annotations

from memkit.entities.aliases import alias
from memkit.entities.dossiers import Companion, Dossier, dossier
from memkit.entities.listing import Entity, entities
from memkit.entities.noting import Noted, note_entities
from memkit.naming import Finder

__all__ = [
    "Companion",
    "Dossier",
    "Entity",
    "Finder",
    "Noted",
    "alias",
    "dossier",
    "entities",
    "note_entities",
]
