"""Judges of other makes: models of inference that say whether two texts contradict each other.

A judge is named by the setting ``judge``, a URL whose scheme is an entry point of the group
``memkit.judges``: a callable that takes the URL. What it says is evidence among others, see
:mod:`memkit.contradictions.evidence`.
"""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Final, Protocol, runtime_checkable
from weakref import WeakKeyDictionary

from memkit.errors import ConfigurationError, MissingDependency
from memkit.providers.factories import NONE, factory_of
from memkit.providers.urls import ProviderUrl

if TYPE_CHECKING:
    from memkit.engine import Engine

GROUP: Final = "memkit.judges"


class JudgeUrl(ProviderUrl):
    """A judge URL's parts: ``scheme:target?option=value&…``."""

    __slots__ = ()

    noun: ClassVar[str] = "judge"


@runtime_checkable
class Judge(Protocol):
    """Says how likely texts contradict each other. Called from a worker thread."""

    def judge(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """For each pair the probability that its texts contradict each other, 0 to 1.

        Both orders of a pair mean the same: whoever asks gives the older text first.
        """
        ...


_judges: WeakKeyDictionary[Engine, Judge] = WeakKeyDictionary()
_making = threading.Lock()


def judge_of(engine: Engine) -> Judge | None:
    """The judge that an engine's settings name; ``None``: none.

    Raises:
        ConfigurationError: no installed judge has the name, or what it makes is none.
        MissingDependency: the package of that judge cannot be imported.
    """
    url = engine.settings.judge
    if url is None or url.strip() == NONE:
        return None
    with _making:
        held = _judges.get(engine)
        if held is None:
            held = _judges[engine] = _made(url)
    return held


async def asked(judge: Judge, pairs: Sequence[tuple[str, str]]) -> list[float]:
    """What a judge says of pairs, checked.

    Raises:
        ConfigurationError: it answers something else than a probability for each.
    """
    said = await asyncio.to_thread(judge.judge, pairs) if pairs else []
    scores = [float(score) for score in said]
    if len(scores) != len(pairs) or not all(
        math.isfinite(score) and 0 <= score <= 1 for score in scores
    ):
        raise ConfigurationError(
            "the judge does not answer one probability between 0 and 1 for each pair: "
            "mend it, or leave the setting judge out"
        )
    return scores


def _made(url: str) -> Judge:
    scheme = JudgeUrl.parse(url.strip()).scheme
    factory = factory_of(scheme, url, noun="judge", group=GROUP, ours={}, error=MissingDependency)
    judge = factory(url.strip())
    if not isinstance(judge, Judge):
        raise ConfigurationError(
            f"the entry point {scheme} of {GROUP} returned {type(judge).__name__}, which is not a "
            "Judge (judge)"
        )
    return judge
