"""What onnxruntime raises."""

from __future__ import annotations


def onnxruntime_failures() -> tuple[type[Exception], ...]:
    """What onnxruntime raises; its own exceptions share no base but ``Exception``."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    names = ("Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NoSuchFile")
    kinds = [getattr(state, name) for name in (*names, "NotImplemented", "RuntimeException")]
    return (RuntimeError, ValueError, *kinds)
