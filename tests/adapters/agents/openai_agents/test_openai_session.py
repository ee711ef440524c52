"""MemkitSession: history exact and in order, shared by many threads and by no other tenant."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import pytest
from agents.memory import Session, SessionSettings
from hypothesis import given, settings, strategies

from memkit import Memory
from memkit.errors import InvalidInput, StoreClosed
from memkit.types import State
from memkit_agents.openai_agents import MemkitSession

T = TypeVar("T")

ITEMS: list[Any] = [
    {"role": "user", "content": "What is on the picture?"},
    {"content": "And here?", "role": "user"},
    {
        "role": "user",
        "content": [
            {"type": "input_text", "text": "This one"},
            {"type": "input_image", "image_url": "data:image/png;base64," + "A7/+" * 20_000},
        ],
    },
    {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": 'gAAAA\\"\\n'},
    {"type": "function_call", "call_id": "c1", "name": "look", "arguments": '{"at": 1.50}'},
    {"type": "function_call_output", "call_id": "c1", "output": "a lamp\0\ud800 \u2028 ä 🪔"},
    {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [
            {"type": "output_text", "text": "A lamp.", "annotations": [], "logprobs": None}
        ],
    },
    {"role": "user", "content": "  spaces stay \n"},
    {"role": "user", "content": " "},
    {"role": "user", "content": ""},
    {"role": "user", "content": "half a pair \ud83d"},
    {"role": "developer", "content": "Be brief."},
    {"role": "user", "content": "long " * 30_000},
    {"type": "made_up", "deep": [[{"a": None, "b": [1, 2.5, 10**30, True]}]], "": ""},
    {"role": "x\0" * 2_000, "content": 7},
    {"role": ["user"], "content": {"text": "no message"}},
    {},
]


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def user(text: str) -> Any:
    return {"role": "user", "content": text}


@pytest.fixture
def lab(memory: Memory, no_sockets: None) -> Memory:
    return memory.at(namespace="acme", project="apollo", agent="helper")


def test_it_is_a_session_of_the_sdk(lab: Memory) -> None:
    assert isinstance(MemkitSession("chat", lab), Session)


def test_every_item_comes_back_exactly_as_it_was_added(lab: Memory) -> None:
    run(MemkitSession("chat", lab).add_items(ITEMS))
    back = run(MemkitSession("chat", lab.asynchronous).get_items())
    assert back == ITEMS
    assert [list(item) for item in back] == [list(item) for item in ITEMS]


_JSON = strategies.recursive(
    strategies.none()
    | strategies.booleans()
    | strategies.integers()
    | strategies.text()
    | strategies.floats(allow_nan=False),
    lambda inner: strategies.lists(inner) | strategies.dictionaries(strategies.text(), inner),
    max_leaves=8,
)
_ITEMS = strategies.lists(
    strategies.fixed_dictionaries(
        {},
        optional={"role": strategies.sampled_from(["user", "assistant", "tool"]), "content": _JSON},
    )
    | strategies.dictionaries(strategies.text(), _JSON),
    max_size=5,
)


def test_any_json_object_comes_back(lab: Memory) -> None:
    names = (str(number) for number in itertools.count())

    @settings(max_examples=60)
    @given(_ITEMS)
    def there_and_back(items: list[Any]) -> None:
        session = MemkitSession(next(names), lab)
        run(session.add_items(items))
        assert run(session.get_items()) == items

    there_and_back()


@pytest.mark.parametrize("added", [1, 4, 17])
def test_a_limit_gives_the_latest_items_in_order(lab: Memory, added: int) -> None:
    session = MemkitSession("chat", lab)
    run(session.add_items(ITEMS[:added]))
    for limit in range(added + 2):
        assert run(session.get_items(limit)) == ITEMS[max(0, added - limit) : added]


@pytest.mark.parametrize("settings", [SessionSettings(limit=2), {"limit": 2}])
def test_the_sessions_own_limit_holds_where_none_is_given(lab: Memory, settings: Any) -> None:
    session = MemkitSession("chat", lab, session_settings=settings)
    run(session.add_items(ITEMS[:5]))
    assert run(session.get_items()) == ITEMS[3:5]
    assert run(session.get_items(4)) == ITEMS[1:5]


def test_a_thousand_items_come_back_in_order(lab: Memory) -> None:
    session = MemkitSession("chat", lab)
    items = [user(f"line {number}") for number in range(1_010)]
    run(session.add_items(items[:1_000]))
    run(session.add_items(items[1_000:]))
    assert run(session.get_items()) == items
    assert run(session.get_items(520)) == items[-520:]


def test_items_are_popped_from_the_end_whole(lab: Memory) -> None:
    session = MemkitSession("chat", lab)
    run(session.add_items(ITEMS))
    assert [run(session.pop_item()) for _ in ITEMS] == ITEMS[::-1]
    assert run(session.pop_item()) is None
    assert lab.count(states=tuple(State)) == 0
    run(session.add_items([user("again")]))
    assert run(session.get_items()) == [user("again")]


def test_clearing_leaves_no_trace_of_this_session_and_all_of_others(lab: Memory) -> None:
    lab.remember("the lamp is green", conversation_id="chat", sequence=0)
    other, session = MemkitSession("other", lab), MemkitSession("chat", lab)
    run(other.add_items(ITEMS))
    run(session.add_items(ITEMS))
    run(session.clear_session())
    assert run(session.get_items()) == []
    assert run(other.get_items()) == ITEMS
    run(other.clear_session())
    assert [record.content for record in lab.list(states=tuple(State))] == ["the lamp is green"]


def test_a_session_that_forgets_can_be_brought_back(lab: Memory) -> None:
    session = MemkitSession("chat", lab, forgets=True)
    run(session.add_items([user("one"), user("two")]))
    run(session.clear_session())
    assert run(session.get_items()) == []
    for record in lab.list(states="forgotten"):
        lab.restore(record.id)
    assert run(session.get_items()) == [user("one"), user("two")]
    assert run(session.pop_item()) == user("two")
    assert [record.content for record in lab.list(states="forgotten")] == ["two"]


def test_what_was_said_is_a_memory_for_others_and_tool_calls_are_traces(lab: Memory) -> None:
    run(MemkitSession("chat", lab).add_items(ITEMS[4:8]))
    kinds = [r.kind for r in lab.list(order_by="sequence", descending=False)]
    assert kinds == ["trace", "trace", "episode", "episode"]
    (hit, *_) = lab.recall("lamp", kinds="episode")
    assert (hit.content, hit.record.speaker) == ("A lamp.", "assistant")
    assert (hit.record.conversation_id, hit.record.agent) == ("chat", "helper")


def test_tenants_and_places_whose_names_are_alike_share_no_session(memory: Memory) -> None:
    places: list[dict[str, str]] = [
        {"namespace": "acme"},
        {"namespace": "acme-corp"},
        {"namespace": "acme", "project": "apollo"},
        {"namespace": "acme", "project": "apollo", "task": "t"},
    ]
    sessions = [MemkitSession("chat", memory.at(**place)) for place in places]
    for place, session in zip(places, sessions, strict=True):
        run(session.add_items([user(str(place))]))
    for place, session in zip(places, sessions, strict=True):
        assert run(session.get_items()) == [user(str(place))]
    run(sessions[0].clear_session())
    assert [len(run(session.get_items())) for session in sessions] == [0, 1, 1, 1]


def test_agents_of_one_place_share_a_session(memory: Memory) -> None:
    place = memory.at(namespace="acme", project="apollo")
    run(MemkitSession("chat", place.at(agent="ann")).add_items([user("from ann")]))
    assert run(MemkitSession("chat", place.at(agent="bob")).get_items()) == [user("from ann")]


def test_eight_threads_lose_no_item_and_keep_together_what_is_added_at_once(lab: Memory) -> None:
    session = MemkitSession("chat", lab)

    def work(n: int) -> None:
        for turn in range(5):
            run(session.add_items([user(f"{n} {turn} {part}") for part in range(3)]))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(8)))
    texts = [str(item["content"]) for item in run(session.get_items())]  # type: ignore[typeddict-item]
    assert len(texts) == len(set(texts)) == 120
    batches = [text.rsplit(" ", 1)[0] for text in texts[::3]]
    assert texts == [f"{batch} {part}" for batch in batches for part in range(3)]
    for n in range(8):
        assert [b for b in batches if b.startswith(f"{n} ")] == [f"{n} {turn}" for turn in range(5)]


def test_eight_tasks_and_as_many_session_objects_lose_nothing(lab: Memory) -> None:
    async def talk() -> list[Any]:
        sessions = [MemkitSession("chat", lab) for _ in range(8)]
        await asyncio.gather(*(s.add_items([user(str(n))]) for n, s in enumerate(sessions)))
        return list(await sessions[0].get_items())

    assert sorted(item["content"] for item in run(talk())) == [str(n) for n in range(8)]


def test_no_item_is_popped_twice(lab: Memory) -> None:
    run(MemkitSession("chat", lab).add_items([user(str(n)) for n in range(24)]))

    def work(n: int) -> list[Any]:
        session = MemkitSession("chat", lab)
        return [run(session.pop_item()) for _ in range(3)]

    with ThreadPoolExecutor(8) as threads:
        popped = [item["content"] for items in threads.map(work, range(8)) for item in items]
    assert sorted(popped, key=int) == [str(n) for n in range(24)]
    assert lab.count(states=tuple(State)) == 0


def test_what_is_no_item_is_refused_and_nothing_is_added(lab: Memory) -> None:
    session = MemkitSession("chat", lab)
    for wrong in ("text", {"role": "user", "content": object()}):
        with pytest.raises(TypeError):
            run(session.add_items([user("fine"), wrong]))  # type: ignore[list-item]
    assert run(session.get_items()) == []
    with pytest.raises(InvalidInput, match="needs an id"):
        MemkitSession(" ", lab)


def test_a_session_by_url_opens_and_closes_its_own_store(tmp_path: Path) -> None:
    url = str(tmp_path / "chats.db")

    async def first() -> MemkitSession:
        session = MemkitSession("chat", url, project="apollo", embedder="none")
        await session.add_items(ITEMS[:2])
        await session.close()
        return session

    async def second() -> list[Any]:
        session = MemkitSession("chat", url, project="apollo", embedder="none")
        items = list(await session.get_items())
        await session.close()
        return items

    run(first())
    assert run(second()) == ITEMS[:2]


def test_a_closed_memory_is_told_as_such(lab: Memory) -> None:
    session = MemkitSession("chat", lab)
    lab.close()
    with pytest.raises(StoreClosed):
        run(session.add_items([user("late")]))
