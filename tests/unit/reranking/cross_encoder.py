"""A real ONNX cross-encoder of a few nodes, written byte by byte.

Its logit is twice the number of pairs of equal tokens of which one stands in the query and the
other in the text, less five. The closing token of both makes one such pair.

The bytes are protobuf's (https://protobuf.dev/programming-guides/encoding/), the numbers those
of ``onnx.proto``: a package that writes them would be the largest of the tests' by far.
"""

from __future__ import annotations

import struct
from pathlib import Path

_FLOAT, _INT64 = 1, 7
_IR_VERSION, _OPSET = 8, 13


def logit(pairs: int) -> float:
    return 2.0 * pairs - 5.0


def write_model(path: Path) -> None:
    """Write the model."""
    graph = b"".join(
        (
            *(_node(*node) for node in _NODES),
            _text(2, "overlap"),
            _constant("one", _FLOAT, [], struct.pack("<f", 1.0)),
            _constant("zero", _FLOAT, [], struct.pack("<f", 0.0)),
            _constant("two", _FLOAT, [], struct.pack("<f", 2.0)),
            _constant("five", _FLOAT, [], struct.pack("<f", 5.0)),
            _constant("axis1", _INT64, [1], struct.pack("<q", 1)),
            _constant("axis2", _INT64, [1], struct.pack("<q", 2)),
            _constant("axes", _INT64, [2], struct.pack("<qq", 1, 2)),
            _constant("column", _INT64, [2], struct.pack("<qq", -1, 1)),
            _bytes(11, _value("input_ids", _INT64, "batch", "tokens")),
            _bytes(11, _value("token_type_ids", _INT64, "batch", "tokens")),
            _bytes(12, _value("logits", _FLOAT, "batch", "outputs")),
        )
    )
    opset = _text(1, "") + _number(2, _OPSET)
    path.write_bytes(_number(1, _IR_VERSION) + _bytes(7, graph) + _bytes(8, opset))


_NODES = (
    ("Unsqueeze", ["input_ids", "axis2"], "rows"),
    ("Unsqueeze", ["input_ids", "axis1"], "columns"),
    ("Equal", ["rows", "columns"], "same"),
    ("Unsqueeze", ["token_type_ids", "axis2"], "row_types"),
    ("Unsqueeze", ["token_type_ids", "axis1"], "column_types"),
    ("Less", ["row_types", "column_types"], "across"),
    ("And", ["same", "across"], "pairs"),
    ("Where", ["pairs", "one", "zero"], "ones"),
    ("ReduceSum", ["ones", "axes"], "sums"),
    ("Reshape", ["sums", "column"], "count"),
    ("Mul", ["count", "two"], "doubled"),
    ("Sub", ["doubled", "five"], "logits"),
)


def _varint(number: int) -> bytes:
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)


def _number(field: int, number: int) -> bytes:
    return _varint(field << 3) + _varint(number)


def _bytes(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _text(field: int, text: str) -> bytes:
    return _bytes(field, text.encode())


def _node(kind: str, inputs: list[str], output: str) -> bytes:
    named = b"".join(_text(1, name) for name in inputs)
    return _bytes(1, named + _text(2, output) + _text(3, output) + _text(4, kind))


def _constant(name: str, kind: int, shape: list[int], raw: bytes) -> bytes:
    dimensions = b"".join(_number(1, size) for size in shape)
    return _bytes(5, dimensions + _number(2, kind) + _text(8, name) + _bytes(9, raw))


def _value(name: str, kind: int, *dimensions: str) -> bytes:
    shape = b"".join(_bytes(1, _text(2, dimension)) for dimension in dimensions)
    tensor = _number(1, kind) + _bytes(2, shape)
    return _text(1, name) + _bytes(2, _bytes(1, tensor))
