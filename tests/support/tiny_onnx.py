"""Write small ONNX models: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

_FLOAT, _FLOAT16, _INT64 = 1, 10, 7
_KINDS = {"float": _FLOAT, "float16": _FLOAT16, "int64": _INT64}
Shape = Sequence[int | str]


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def _field(number: int, value: int | str | bytes) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    body = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(body)) + body


def _all(number: int, values: Iterable[int | str | bytes]) -> bytes:
    return b"".join(_field(number, each) for each in values)


def _value(name: str, shape: Shape, kind: str) -> bytes:
    sides = (_field(1, each) if isinstance(each, int) else _field(2, each) for each in shape)
    tensor = _field(1, _KINDS[kind]) + _field(2, _all(1, sides))
    return _field(1, name) + _field(2, _field(1, tensor))


def _weights(name: str, values: npt.NDArray[Any]) -> bytes:
    kind = _FLOAT16 if values.dtype == np.float16 else _FLOAT
    return _all(1, values.shape) + _field(2, kind) + _field(8, name) + _field(9, values.tobytes())


def node(kind: str, inputs: Sequence[str], output: str, **attributes: Sequence[int]) -> bytes:
    """Return a node; its attributes are lists of numbers."""
    ints = (
        _field(1, name) + _all(8, values) + _field(20, 7) for name, values in attributes.items()
    )
    return _all(1, inputs) + _field(2, output) + _field(4, kind) + _all(5, ints)


def onnx_model(
    nodes: Sequence[bytes],
    inputs: Sequence[tuple[str, Shape, str]],
    outputs: Sequence[tuple[str, Shape]],
    **weights: npt.NDArray[Any],
) -> bytes:
    """Return the file of a model of nodes in their order, with inputs (name, shape, type)."""
    graph = (
        _all(1, nodes)
        + _field(2, "tiny")
        + _all(5, (_weights(name, values) for name, values in weights.items()))
        + _all(11, (_value(*each) for each in inputs))
        + _all(12, (_value(name, shape, inputs[0][2]) for name, shape in outputs))
    )
    return _field(1, 8) + _field(7, graph) + _field(8, _field(1, "") + _field(2, 13))


def encoder(shape: Shape = ("batch", 3, 32, 32), *, numbers: int = 5, kind: str = "float") -> bytes:
    """Return an image encoder: the mean of each channel, times a matrix of weights."""
    is_last = shape[-1] == 3
    channels = shape[1] if isinstance(shape[1], int) and not is_last else 3
    turned = [node("Transpose", ["pixels"], "turned", perm=[0, 3, 1, 2])] if is_last else []
    weights = np.linspace(-1, 1, channels * numbers).reshape(channels, numbers)
    nodes = [
        *turned,
        node("GlobalAveragePool", ["turned" if is_last else "pixels"], "pooled"),
        node("Flatten", ["pooled"], "flat"),
        node("MatMul", ["flat", "weights"], "embedding"),
    ]
    weights = weights.astype(np.float16 if kind == "float16" else np.float32)
    outputs = [("embedding", ("batch", numbers))]
    return onnx_model(nodes, [("pixels", shape, kind)], outputs, weights=weights)
