"""What onnxruntime raises, and what it must not do."""

from __future__ import annotations

import os


def quieten_onnxruntime() -> None:
    """Keep onnxruntime from sending usage events, unless whoever runs this has said otherwise.

    It goes before the first import: since 1.31 that alone queues an event, also on Linux.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


def onnxruntime_failures() -> tuple[type[Exception], ...]:
    """What onnxruntime raises; its own exceptions share no base but ``Exception``."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    names = ("Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NoSuchFile")
    kinds = [getattr(state, name) for name in (*names, "NotImplemented", "RuntimeException")]
    return (RuntimeError, ValueError, *kinds)
