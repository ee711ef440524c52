"""The conformance suite: all themes in the one class that a backend's author subclasses."""

from __future__ import annotations

from memkit.testing.changes import ChangeFeedTests
from memkit.testing.concurrency import ConcurrencyTests
from memkit.testing.crowding import CrowdingTests
from memkit.testing.durability import DurabilityTests
from memkit.testing.events import EventTests
from memkit.testing.facts import FactTests
from memkit.testing.filtering import FilteringTests
from memkit.testing.isolation import IsolationTests
from memkit.testing.keys import KeyTests
from memkit.testing.lexical import LexicalTests
from memkit.testing.messages import MessageTests
from memkit.testing.opening import OpeningTests
from memkit.testing.ordering import OrderingTests
from memkit.testing.reembedding import ReembeddingTests
from memkit.testing.searching import SearchingTests
from memkit.testing.storage import StorageTests
from memkit.testing.tokens import TokenTests
from memkit.testing.upkeep import UpkeepTests
from memkit.testing.writing import WritingTests


class BackendConformance(
    StorageTests,
    WritingTests,
    OpeningTests,
    FilteringTests,
    OrderingTests,
    SearchingTests,
    LexicalTests,
    IsolationTests,
    CrowdingTests,
    ConcurrencyTests,
    DurabilityTests,
    ChangeFeedTests,
    ReembeddingTests,
    TokenTests,
    UpkeepTests,
    KeyTests,
    FactTests,
    MessageTests,
    EventTests,
):
    """What every backend must do. Subclass it as ``Test…`` and give ``backend_factory``.

    Parts that a backend does not declare in its ``capabilities``, or whose protocol it does
    not implement, are skipped; what it declares and does not do fails.
    """
