"""What stands for names, texts and counts in the tables."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

from memkit_pgvector.keys import decoded, encoded, namespace_key, record_key
from memkit_pgvector.lexeme_vectors import TF_MAX, rank_steps
from tests.unit.pgvector.stores import opened, run_sql


def test_encoding_keeps_texts_and_their_order() -> None:
    draw = random.Random(1)
    texts = ["".join(draw.choices("\0\1\2a", k=draw.randint(0, 5))) for _ in range(500)]
    assert [decoded(encoded(each)) for each in texts] == texts
    assert not any("\0" in encoded(each) for each in texts)
    assert sorted(texts) == sorted(texts, key=lambda each: encoded(each).encode())


def test_a_uuid_is_its_own_key_and_nothing_else_has_it() -> None:
    uuid = "0199a8c4-1b2c-7000-8000-00000000abcd"
    assert record_key(uuid).hex() == uuid.replace("-", "")
    others = [uuid.upper(), uuid[:-1], uuid.replace("-", ""), " " + uuid, "x", "", "\0"]
    keys = {record_key(each) for each in others}
    assert len(keys) == len(others)
    assert record_key(uuid) not in keys
    # What stands for another id is, read as a UUID, an id that is hashed itself.
    for key in keys:
        text = key.hex()
        same = f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
        assert record_key(same) != key


def test_namespaces_that_look_alike_have_keys_of_their_own() -> None:
    names = ["acme", "acme-corp", "Acme", "acme\0", "acm", "acme ", ""]
    assert len({namespace_key(each) for each in names}) == len(names)


def test_a_rank_tells_how_often_a_term_occurs(tmp_path: Path) -> None:
    async def make() -> None:
        async with opened(tmp_path):
            pass

    asyncio.run(make())
    steps = "{" + ",".join(map(repr, rank_steps())) + "}"
    rows = run_sql(
        tmp_path,
        "SELECT n, width_bucket(ts_rank('{1,1,1,1}', ('a:' || (SELECT string_agg(g::text, ',') "
        "FROM generate_series(1, n) g))::tsvector, 'a'::tsquery)::float8, "
        f"'{steps}'::float8[]) FROM generate_series(1, {TF_MAX}) n",
    )
    assert [counted for _, counted in rows] == [n for n, _ in rows]
    assert run_sql(tmp_path, "SELECT ts_rank('{1,1,1,1}', 'b:1'::tsvector, 'a'::tsquery)") == [
        (0.0,)
    ]
