"""Storing what was found: beside its source, linked to it, and once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from memkit.clock import utc_now
from memkit.drafts import Draft, keyed_id, record_from, unique_keys
from memkit.errors import InvalidInput
from memkit.extraction.findings import Finding
from memkit.extraction.outcome import Extract
from memkit.extraction.sources import home_of, is_private, said_at
from memkit.facts.asserting import Assertion, assert_fact, correct
from memkit.facts.predicates import predicate_name
from memkit.facts.settling import Group
from memkit.protocols import Duplicate, Put
from memkit.scope import Scope
from memkit.types import Link, MemoryRecord, kind_defaults
from memkit.validation import canonical_json

if TYPE_CHECKING:
    from memkit.engine import Engine

#: The link from what was extracted to its source.
DERIVED: Final = "derived_from"
#: What a source's URI begins with.
SCHEME: Final = "memory://"
#: The ``run`` of what was extracted as its source was stored.
INGEST: Final = "ingest"

# Less sure than a person: rules mistake irony and fiction, models more than that.
_RULES_TRUST: Final = 0.8
_MODEL_TRUST: Final = 0.7
_INSTANT: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Maker:
    """Who extracts: the run, and with what.

    Attributes:
        run: the id of the run, or :data:`INGEST`.
        by: ``rules``, or the language model's name.
        model: whether it is a language model.
    """

    run: str
    by: str
    model: bool

    def confidence(self, kind: str) -> float:
        """How sure what it finds is."""
        trust = _MODEL_TRUST if self.model else _RULES_TRUST
        return round(kind_defaults(kind).confidence * trust, 3)


def uri_of(record: MemoryRecord, finding: Finding) -> str:
    """Where the words stand, as a URI with a fragment of RFC 5147."""
    return f"{SCHEME}{record.id}#char={finding.start},{finding.end}"


def id_of(scope: Scope, record: MemoryRecord, finding: Finding) -> str:
    """The id of what is found: the same whenever the same is found in the same record."""
    parts = [finding.kind, finding.subject, finding.predicate, finding.object, finding.ended]
    if finding.kind != "fact":
        parts = [finding.kind, " ".join(finding.content.split())]
    digest = blake2b(canonical_json([record.id, *parts]).encode(), digest_size=20).hexdigest()
    home = home_of(record, scope)
    return keyed_id(home, f"extracted {digest}", private=is_private(record))


def extract_of(scope: Scope, record: MemoryRecord, finding: Finding, status: str) -> Extract:
    """What was found, as it is told."""
    return Extract(
        id=id_of(scope, record, finding),
        kind=finding.kind,
        content=finding.content,
        source=uri_of(record, finding),
        quote=finding.quote,
        subject=finding.subject,
        predicate=finding.predicate,
        object=finding.object,
        valid_from=finding.valid_from,
        valid_to=finding.valid_to,
        status=status,
    )


async def known_of(
    engine: Engine, scope: Scope, found: Sequence[tuple[MemoryRecord, Finding]]
) -> set[str]:
    """The ids of what was extracted before, whatever has become of it."""
    ids = [id_of(scope, record, finding) for record, finding in found]
    return set(await engine.backend.get(scope.namespace, ids)) if ids else set()


async def keep(
    engine: Engine, scope: Scope, maker: Maker, found: Sequence[tuple[MemoryRecord, Finding]]
) -> list[Extract]:
    """Store what was found in records of one namespace; what is there already stays as it is.

    Raises:
        StoreError: the store could not keep it; what was stored before stays.
    """
    known = await known_of(engine, scope, found)
    told: list[Extract] = []
    for record, finding in found:
        id_ = id_of(scope, record, finding)
        if id_ in known:
            told.append(extract_of(scope, record, finding, "known"))
            continue
        known.add(id_)
        keep_one = _keep_fact if finding.kind == "fact" else _keep_record
        try:
            status = await keep_one(engine, scope, maker, record, finding, id_)
        except InvalidInput:
            # Its source has just expired, or a setting allows less.
            status = "refused"
        told.append(extract_of(scope, record, finding, status))
    return told


async def _keep_fact(
    engine: Engine, scope: Scope, maker: Maker, source: MemoryRecord, finding: Finding, id_: str
) -> str:
    told = Assertion(
        subject=finding.subject or "",
        predicate=finding.predicate or "",
        object=finding.object or "",
        valid_from=finding.valid_from or said_at(source),
        valid_to=finding.valid_to,
        content=finding.content,
        confidence=maker.confidence("fact"),
        source=uri_of(source, finding),
        metadata={"extracted_by": maker.by},
        private=is_private(source),
        expires_at=source.expires_at,
        id=id_,
        run=maker.run,
        links=(Link(DERIVED, source.id),),
        unless_held=finding.valid_from is None,
    )
    home = home_of(source, scope)
    if finding.ended:
        return await _end(engine, home, maker, source, told)
    done = await assert_fact(engine, home, told)
    return "known" if done.status == "duplicate" else "stored"


async def _end(
    engine: Engine, home: Scope, maker: Maker, source: MemoryRecord, told: Assertion
) -> str:
    """Say that something no longer holds.

    What was extracted before ends by that; what a person said stands, whatever a text says, and
    what a language model says ends nothing.
    """
    ends = told.valid_to or said_at(source)
    group = await Group.of(engine, _like(home, source, told))
    held = next((each for each in group.standing(ends) if each.object == told.object), None)
    if held is None or (held.valid_from or held.created_at) >= ends:
        # When it began is not known: that it held up to its end is.
        await assert_fact(engine, home, replace(told, valid_from=ends - _INSTANT, valid_to=ends))
        return "stored"
    begun = held.valid_from or held.created_at
    ended = replace(told, valid_from=begun, valid_to=ends)
    if held.run is None or maker.model:
        await assert_fact(engine, home, ended)
    else:
        await correct(engine, home, held.id, ended)
    return "stored"


def _like(home: Scope, source: MemoryRecord, told: Assertion) -> MemoryRecord:
    return replace(
        source,
        kind="fact",
        namespace=home.namespace,
        tags=(),
        subject=" ".join(told.subject.split()),
        predicate=predicate_name(told.predicate),
        object=" ".join(told.object.split()),
    )


async def _keep_record(
    engine: Engine, scope: Scope, maker: Maker, source: MemoryRecord, finding: Finding, id_: str
) -> str:
    home = home_of(source, scope)
    draft = Draft(
        content=finding.content,
        kind=finding.kind,
        metadata={"extracted_by": maker.by},
        private=is_private(source),
        confidence=maker.confidence(finding.kind),
        expires_at=source.expires_at,
        source=uri_of(source, finding),
    )
    policy = await engine.policies.of(home.namespace)
    made = record_from(draft, home, utc_now(), engine.settings, policy)
    made = replace(made, id=id_, run=maker.run, links=(Link(DERIVED, source.id),))
    (made,) = await engine.named((made,))
    # What is said twice is stored once, beside its first source.
    keys = unique_keys(made, None, deduplicate=True)
    (index,), notice = await engine.index((made,))
    # No near copy that somebody stores is put behind it: it goes when its source is erased.
    index = replace(index, signature=())
    if notice is not None:
        engine.note_missing()
    (result,) = await engine.commit((Put(made, index, keys),))
    return "known" if isinstance(result, Duplicate) else "stored"
