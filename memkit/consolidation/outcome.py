"""What a consolidation did, or would do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from memkit.errors import InvalidInput

#: What can be made, in the order in which it is made.
WHAT = ("episodes", "clusters", "dossiers")
#: The greatest size of a cluster; what belongs together beyond that has several summaries.
SIZE_MAX = 30
#: So many summaries are told of, at most; all of them are counted.
TOLD = 100
#: The names under which a run counts.
COUNTS = (*WHAT, "records", "by_model", "model_failures", "skipped")


@dataclass(frozen=True, slots=True)
class Summary:
    """A summary that was made, or would be.

    Attributes:
        id: its record's.
        kind: ``summary`` of a cluster, ``episode`` of a conversation, ``dossier`` of an entity.
        content: what it says.
        sources: of how many records it was made.
    """

    id: str
    kind: str
    content: str
    sources: int


@dataclass(frozen=True, slots=True)
class Consolidated:
    """What a consolidation did, or, in a dry run, would do.

    Attributes:
        run: the id of its run, which can be undone; ``None`` of a dry run, and where nothing was
            found.
        dry_run: whether nothing was stored.
        more: whether it stopped early, at its limit or because its time was over: called again it
            goes on.
        made: how many summaries this call made.
        clusters, episodes, dossiers: how many summaries of each the run has made.
        records: how many records have a summary that speaks for them now.
        by_model: how many summaries a language model wrote.
        model_failures: how often it failed, so that sentences were chosen instead.
        skipped: groups that were left alone, since one of their records changed meanwhile.
        summaries: the first hundred of those that this call made.
    """

    run: str | None
    dry_run: bool
    more: bool
    made: int = 0
    clusters: int = 0
    episodes: int = 0
    dossiers: int = 0
    records: int = 0
    by_model: int = 0
    model_failures: int = 0
    skipped: int = 0
    summaries: tuple[Summary, ...] = ()


def consolidated(
    run: str | None,
    counts: Mapping[str, int],
    summaries: tuple[Summary, ...],
    *,
    made: int,
    dry_run: bool = False,
    more: bool = False,
) -> Consolidated:
    """The outcome that counts tell of."""
    return Consolidated(
        run=run,
        dry_run=dry_run,
        more=more,
        made=made,
        summaries=summaries,
        **{name: counts.get(name, 0) for name in COUNTS},
    )


def check_what(what: object) -> tuple[str, ...]:
    """What is made, in the order in which it is made.

    Raises:
        InvalidInput: it is nothing, or something else.
    """
    chosen: set[object] = set()
    if isinstance(what, str):
        chosen = {what}
    elif isinstance(what, Iterable):
        chosen = {each if isinstance(each, str) else None for each in what}
    if chosen and chosen <= set(WHAT):
        return tuple(each for each in WHAT if each in chosen)
    raise InvalidInput(f"what is one or more of {', '.join(WHAT)}")
