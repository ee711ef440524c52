"""How likely a hit answers its query: a calibrated figure, to abstain by.

A logistic regression on what the legs say themselves, not on the fused score, which is
relative to the best: the cosine, the share of the query's words (by idf) that the record
covers, whether exact names are there, and how far cosine and share stand out from those of
the ten best. Fitted on hits for ``benchmarks/data/plain_facts.jsonl`` and conversations in
equal parts; ``benchmarks/calibration.py`` shows how it fares.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from memkit.protocols import Scored
from memkit.retrieval.weighing import Candidate
from memkit.types import Leg

_TOP = 10
_SHARE_MAX = 1.2


@dataclass(frozen=True, slots=True)
class _Model:
    base: float
    cosine: float
    share: float
    exact: float
    cosine_lead: float
    share_lead: float


_BOTH = _Model(-3.44, 0.26, 0.83, 1.90, 7.75, 2.67)
_WORDS = _Model(-3.13, 0.0, 0.82, 2.68, 0.0, 3.17)
_MEANING = _Model(-3.63, 2.05, 0.0, 3.34, 8.37, 0.0)


def relevances(
    candidates: Sequence[Candidate],
    lists: Mapping[str, Sequence[Scored]],
    ceilings: Mapping[str, float | None],
    limit: int,
) -> list[float]:
    """The relevance of the first ``limit`` candidates, each in (0, 1).

    Args:
        candidates: best first.
        lists: each leg's list.
        ceilings: each leg's ceiling; see :class:`memkit.protocols.SearchResult`.
        limit: how many are wanted.
    """
    words, meaning = bool(lists.get("lexical")), bool(lists.get("dense"))
    model = _BOTH if words and meaning else _WORDS if words else _MEANING
    ceiling = ceilings.get("lexical")
    if ceiling is None:
        # Unknown: the best record counts as having all that was asked for.
        ceiling = lists["lexical"][0].score if words else 1.0
    seen = [
        (
            _score(each.entry.legs.get("dense"), lists.get("dense", ())),
            min(_SHARE_MAX, _score(each.entry.legs.get("lexical"), ()) / max(ceiling, 1e-9)),
        )
        for each in candidates[: max(limit, _TOP)]
    ]
    # Where there are fewer, nothing stands in for them.
    top = seen[:_TOP] + [(0.0, 0.0)] * (_TOP - len(seen))
    usual = median(cosine for cosine, _ in top), median(share for _, share in top)
    found = []
    for each, (cosine, share) in zip(candidates[:limit], seen, strict=False):
        logit = (
            model.base
            + model.cosine * cosine
            + model.share * share
            + model.exact * (each.factors.get("exact", 1.0) - 1)
            + model.cosine_lead * (cosine - usual[0])
            + model.share_lead * (share - usual[1])
        )
        found.append(1 / (1 + math.exp(-logit)))
    return found


def _score(leg: Leg | None, entries: Sequence[Scored]) -> float:
    if leg is not None:
        return leg.score
    # Not listed: at most what the last one has.
    return entries[-1].score if entries else 0.0
