"""Several processes on one control store, and processes that are killed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from memkit.errors import Unauthenticated
from memkit.server.control import AuditEntry, Control

_ROOT = Path(__file__).parents[3]
_START = """
import asyncio, os, sys
from memkit.server.control import AuditEntry, Control
url = sys.argv[1]
"""


def start(url: str, code: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _START + code, url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(_ROOT), *sys.path])},
    )


_FIRST = """
async def main():
    sys.stdin.readline()
    async with await Control.open(url) as control:
        print(await control.first_admin())
asyncio.run(main())
"""


def test_of_many_processes_that_start_at_once_one_makes_the_first_administrator(url: str) -> None:
    processes = [start(url, _FIRST) for _ in range(4)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    told = [process.communicate(timeout=60)[0].strip() for process in processes]
    assert [process.returncode for process in processes] == [0] * 4
    secrets = [line for line in told if line != "None"]
    assert len(secrets) == 1

    async def main() -> None:
        async with await Control.open(url) as control:
            assert (await control.authenticate(secrets[0])).is_admin
            assert len(await control.principals()) == 1

    asyncio.run(main())


_REVOKE = """
async def main():
    async with await Control.open(url) as control:
        for line in sys.stdin:
            what, _, value = line.strip().partition(" ")
            if what == "revoke":
                await control.revoke_token(value)
            elif what == "disable":
                await control.disable_principal(value)
            elif what == "grant":
                await control.grant(value, "acme", "write")
            elif what == "private":
                await control.make_private("acme", value)
            print("done", flush=True)
asyncio.run(main())
"""


def test_what_another_process_changed_counts_from_the_next_request_on(url: str) -> None:
    async def main() -> None:
        async with await Control.open(url) as control:
            await control.create_principal("ci")
            one, info = await control.issue_token("ci", "one")
            two, _ = await control.issue_token("ci", "two")
            process = start(url, _REVOKE)
            assert process.stdin is not None
            assert process.stdout is not None

            def ask(command: str) -> None:
                assert process.stdin is not None
                assert process.stdout is not None
                process.stdin.write(command + "\n")
                process.stdin.flush()
                assert process.stdout.readline() == "done\n"

            try:
                assert (await control.authenticate(one)).permission("acme") is None
                ask("grant ci")
                assert (await control.authenticate(one)).permission("acme") == "write"
                ask("private board")
                assert (await control.authenticate(one)).hidden("acme") == {"msg:board"}
                ask(f"revoke {info.id}")
                with pytest.raises(Unauthenticated):
                    await control.authenticate(one)
                await control.authenticate(two)
                ask("disable ci")
                with pytest.raises(Unauthenticated):
                    await control.authenticate(two)
            finally:
                process.stdin.close()
                process.wait(60)
                process.stdout.close()

    asyncio.run(main())


_AUDIT = """
async def main():
    async with await Control.open(url) as control:
        number = 0
        async def one():
            nonlocal number
            while True:
                number += 1
                mine = str(number)
                await control.audit.record(AuditEntry("remember", changes=True, request_id=mine))
                print(mine, flush=True)
        await asyncio.gather(*(one() for _ in range(8)))
asyncio.run(main())
"""


def test_an_entry_that_was_acknowledged_outlives_a_kill(url: str) -> None:
    process = start(url, _AUDIT)
    assert process.stdout is not None
    acknowledged = [process.stdout.readline().strip() for _ in range(200)]
    process.send_signal(signal.SIGKILL)
    rest = process.communicate(timeout=60)[0].splitlines()
    # The last line may have been cut off.
    acknowledged += rest[:-1]

    async def main() -> None:
        async with await Control.open(url) as control:
            found, cursor = set(), None
            while True:
                page = await control.audit.query(limit=1000, cursor=cursor)
                found |= {entry.request_id for entry in page.entries}
                cursor = page.cursor
                if cursor is None:
                    break
            assert set(acknowledged) <= found
            await control.audit.record(AuditEntry("remember", changes=True))

    asyncio.run(main())


def test_processes_write_the_audit_side_by_side(url: str) -> None:
    code = """
async def main():
    async with await Control.open(url) as control:
        await asyncio.gather(*(
            control.audit.record(AuditEntry("remember", changes=True, records=(f"r{n}",)))
            for n in range(100)
        ))
        for n in range(20):
            await control.audit.record(AuditEntry("forget", changes=True))
asyncio.run(main())
"""
    processes = [start(url, code) for _ in range(3)]
    for process in processes:
        process.communicate(timeout=60)
    assert [process.returncode for process in processes] == [0] * 3

    async def main() -> None:
        async with await Control.open(url) as control:
            assert len((await control.audit.query(limit=1000)).entries) == 360
            assert len((await control.audit.query(record="r7")).entries) == 3

    asyncio.run(main())
