"""Locks on files: any number of holders, one past the gate."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from memkit.backing.locks import FileLock, gate, is_free
from memkit.errors import StoreUnavailable


def test_only_the_last_to_drop_is_alone(tmp_path: Path) -> None:
    first, second = (FileLock(tmp_path / "leases") for _ in range(2))
    assert first.take(share=True)
    assert first.take(share=True)
    assert second.take(share=True)
    assert not FileLock(tmp_path / "leases").take()
    first.release()
    assert not first.held
    assert second.held
    assert not is_free(tmp_path / "leases")
    second.release()
    assert is_free(tmp_path / "leases")


def test_one_at_a_time_is_past_the_gate(tmp_path: Path) -> None:
    inside = 0
    most = 0
    together = threading.Barrier(6)

    def pass_through() -> None:
        nonlocal inside, most
        together.wait()
        for _ in range(20):
            with gate(tmp_path / "lock", 60):
                inside += 1
                most = max(most, inside)
                inside -= 1

    threads = [threading.Thread(target=pass_through) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_whoever_waits_too_long_at_the_gate_is_told(tmp_path: Path) -> None:
    with (
        gate(tmp_path / "lock", 1),
        pytest.raises(StoreUnavailable, match="another process has been starting or stopping"),
        gate(tmp_path / "lock", 0.05),
    ):
        pass
    with gate(tmp_path / "lock", 0.05):
        pass
