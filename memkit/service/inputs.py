"""The arguments of the operations: their shapes. What values are good, the engine says."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, JsonValue

from memkit.service.operation import Input

Id = Annotated[str, Field(description="the record's id")]
Labels = Annotated[list[str] | None, Field()]
ReachName = Literal["ancestors", "exact", "subtree"]
StateName = Literal["active", "superseded", "merged", "forgotten", "archived"]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Nothing(Input):
    """No arguments."""


class Told(Input):
    """A memory as it is handed in."""

    content: str = Field(description="the text, kept verbatim")
    kind: str = Field("note", description="note, fact, decision, preference, constraint, ...")
    tags: list[str] = Field([], description="free labels; msg:<channel> sends it as a message")
    metadata: dict[str, JsonValue] | None = Field(None, description="values by key, for filters")
    private: bool = Field(False, description="for its agent alone")
    confidence: float | None = Field(None, ge=0, le=1, description="how sure")
    pinned: bool = Field(False, description="held up in recall")
    occurred_at: AwareDatetime | None = Field(None, description="when it happened")
    ttl: Seconds | None = Field(None, description="seconds until it expires")
    expires_at: AwareDatetime | None = Field(None, description="when it expires, instead of ttl")
    conversation_id: str | None = Field(None, description="the conversation it is a turn of")
    sequence: int | None = Field(None, ge=0, description="its place in the conversation")
    speaker: str | None = Field(None, description="who said it")
    source: str | None = Field(None, description="where it came from")
    vector: list[float] | None = Field(None, description="its vector, if it is there already")


class ToldOnce(Told):
    """A memory that a repeated request does not store again."""

    idempotency_key: str | None = Field(None, description="the same key again stores nothing new")


class Put(Told):
    """A memory under a key of the caller's."""

    key: str = Field(description="your own name for the record; it is replaced")


class PutMany(Input):
    """Memories under keys of the caller's."""

    puts: list[Put] = Field(min_length=1, max_length=10_000, description="the memories")


class Remember(ToldOnce):
    """A memory to store."""

    deduplicate: Literal["near", "exact", "off"] | None = Field(
        None, description="which copies are recognised"
    )


class RememberMany(Input):
    """Memories to store, in order."""

    items: list[ToldOnce] = Field(min_length=1, max_length=10_000, description="the memories")
    deduplicate: Literal["near", "exact", "off"] = Field(
        "exact", description="which copies are recognised"
    )


class Selection(Input):
    """Which records of the scope are meant."""

    reach: ReachName = Field("ancestors", description="how far to look from the scope")
    kinds: Labels = Field(None, description="of one of these kinds")
    tags: Labels = Field(None, description="with all of these tags")
    filter: dict[str, JsonValue] | None = Field(
        None, description='{"field", "op", "value"}, or {"and"|"or": [...]}, {"not": {...}}'
    )
    states: list[StateName] = Field(["active"], min_length=1, description="in these states")


class Recall(Selection):
    """A question."""

    query: str = Field(description="what is asked, in words")
    vector: list[float] | None = Field(None, description="the query's vector, if it is there")
    limit: int | None = Field(None, ge=1, le=1000, description="at most so many hits")
    mode: Literal["hybrid", "dense", "lexical"] = Field(
        "hybrid", description="by meaning and words, or by one of them"
    )
    as_of: AwareDatetime | None = Field(None, description="what stood then")
    at: AwareDatetime | None = Field(None, description="what 'last week' is counted from")
    profile: Literal["fast", "balanced", "best"] | None = Field(None, description="how thorough")
    context: int = Field(0, ge=0, le=20, description="turns around each hit")
    diverse: bool = Field(True, description="whether repetitions make room")
    min_relevance: float = Field(0.0, ge=0, le=1, description="leave out what is less relevant")


class ByIds(Input):
    """Records by id."""

    ids: list[str] = Field(min_length=1, max_length=1000, description="the records' ids")


class ById(Input):
    """One record."""

    id: Id


class ListRecords(Selection):
    """A page of records."""

    order_by: str = Field("created_at", description="a time, number or text field")
    descending: bool = Field(True, description="the greatest first")
    cursor: str | None = Field(None, description="that of the page before")
    limit: int = Field(50, ge=1, le=1000, description="at most so many")


class Reaching(Input):
    """How far to look."""

    reach: ReachName = Field("ancestors", description="how far to look from the scope")


class Update(ById):
    """What changes of a record; what is not given stays, null clears what can be absent."""

    content: str | None = Field(None, description="the new text")
    kind: str | None = Field(None, description="the new kind")
    tags: list[str] | None = Field(None, description="the new tags")
    metadata: dict[str, JsonValue] | None = Field(None, description="the new metadata")
    private: bool | None = Field(None, description="for its agent alone")
    confidence: float | None = Field(None, ge=0, le=1, description="how sure")
    occurred_at: AwareDatetime | None = Field(None, description="when it happened")
    ttl: Seconds | None = Field(None, description="seconds until it expires")
    expires_at: AwareDatetime | None = Field(None, description="when it expires")
    speaker: str | None = Field(None, description="who said it")
    source: str | None = Field(None, description="where it came from")
    expect_version: int | None = Field(None, ge=1, description="the version you have seen")


class Correct(ById):
    """What is right instead."""

    content: str = Field(description="what is right")
    kind: str | None = Field(None, description="its kind, if another")
    tags: list[str] | None = Field(None, description="its tags, if others")
    metadata: dict[str, JsonValue] | None = Field(None, description="its metadata, if other")
    confidence: float | None = Field(None, ge=0, le=1, description="how sure, if other")


class Pin(ById):
    """Whether a record is held up."""

    pinned: bool = Field(True, description="false lets it go")


class Feedback(ById):
    """Whether a recalled record was of use."""

    useful: bool = Field(description="whether it helped")


class LinkRecords(Input):
    """A link from one record to another."""

    id: Id
    target: str = Field(description="the other record's id")
    type: str = Field("related", description="causes, fixes, supports, ...")


class UnlinkRecords(Input):
    """Links to remove."""

    id: Id
    target: str = Field(description="the other record's id")
    type: str | None = Field(None, description="of this type only")


class RelatedRecords(ById):
    """Where to go from a record."""

    types: Labels = Field(None, description="only over links of these types")
    depth: int = Field(1, ge=1, le=6, description="at most so many links away")
    direction: Literal["both", "out", "in"] = Field("both", description="which way")
    limit: int = Field(50, ge=1, le=1000, description="at most so many records")


class Send(Input):
    """A message."""

    channel: str = Field(description="the channel")
    content: str = Field(description="the text")
    to: list[str] | None = Field(None, description="only for these agents")
    reply_to: str | None = Field(None, description="the id of the message it answers")
    tags: list[str] = Field([], description="further labels")
    metadata: dict[str, JsonValue] | None = Field(None, description="values by key")
    kind: str = Field("message", description="what sort of memory it is")
    ttl: Seconds | None = Field(None, description="seconds until it expires")
    idempotency_key: str | None = Field(None, description="the same key again sends nothing new")


class Inbox(Input):
    """Whose unread messages."""

    channel: str | None = Field(None, description="the channel; all of them if left out")
    consumer: str | None = Field(None, description="the agent if left out")
    limit: int = Field(20, ge=1, le=1000, description="at most so many")
    lease: Seconds | None = Field(None, description="claim them for so many seconds")
    wait: float = Field(0, ge=0, le=60, description="seconds to wait for one")


class Ack(Input):
    """Messages that were dealt with."""

    ids: list[str] = Field(min_length=1, max_length=1000, description="the messages' ids")
    channel: str | None = Field(None, description="the channel they came by")
    consumer: str | None = Field(None, description="who read them; the agent if left out")


class Channels(Input):
    """Which channels there are."""

    consumer: str | None = Field(None, description="whose unread messages to count")


class NewPrincipal(Input):
    """A principal to make."""

    name: str = Field(description="unique; it is also the agent it may speak as")
    role: Literal["member", "admin"] = Field("member", description="admin rules the server")
    agents: list[str] = Field([], description="agent ids, or patterns that end in *")


class PrincipalName(Input):
    """A principal."""

    principal: str = Field(description="its name")


class ChangedPrincipal(PrincipalName):
    """What changes of a principal; what is not given stays."""

    role: Literal["member", "admin"] | None = Field(None, description="its role")
    agents: list[str] | None = Field(None, description="the agents it may speak as")
    disabled: bool | None = Field(None, description="whether its tokens are refused")


class NewToken(PrincipalName):
    """A token to make."""

    name: str = Field("token", description="what it is for")
    expires_at: AwareDatetime | None = Field(None, description="when it ends")


class TokensOf(Input):
    """Whose tokens."""

    principal: str | None = Field(None, description="its name; all of them if left out")


class TokenId(Input):
    """A token."""

    token: str = Field(description="its id")


class NewGrant(PrincipalName):
    """What a principal may do."""

    namespace: str = Field(description="the namespace, or * for all")
    permission: Literal["read", "write", "admin"] = Field("write", description="what it may do")
    channel: str | None = Field(None, description="only this private channel of the namespace")


class GrantOf(PrincipalName):
    """A grant to take back."""

    namespace: str = Field(description="the namespace, or * for all")
    channel: str | None = Field(None, description="only that to this private channel")


class GrantsOf(Input):
    """Whose grants."""

    principal: str | None = Field(None, description="its name; all of them if left out")


class ChannelPrivacy(Input):
    """Whether a channel is private."""

    namespace: str = Field(description="the namespace")
    channel: str = Field(description="the channel")
    private: bool = Field(True, description="false opens it to the namespace's readers")


class AuditQuery(Input):
    """Which entries of the audit."""

    principal: str | None = Field(None, description="of this principal")
    operation: str | None = Field(None, description="of this operation")
    namespace: str | None = Field(None, description="in this namespace")
    outcome: str | None = Field(None, description="ok, or an error's code")
    record: str | None = Field(None, description="that touched this record")
    since: AwareDatetime | None = Field(None, description="from then on")
    until: AwareDatetime | None = Field(None, description="until then")
    cursor: str | None = Field(None, description="that of the page before")
    limit: int = Field(100, ge=1, le=1000, description="at most so many")
