"""A fitted LSTM out of its bytes, and its forward pass in NumPy.

NumPy and not PyTorch, because a single row takes as long in either, a worker is there in 0.1 s and not 4 s, and
gigabytes stay at home. Tests hold the two to each other. Bytes: safetensors (its header describes the network) and a
seal (models.learners.seal). The tensors have PyTorch's names: lstm.weight_ih_l0 …, head.weight, head.bias; mean and
scale are the features' scaler.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from domain.errors import UnreadableInput
from models.classes import CLASSES
from models.features import Array
from models.learners import checks, seal
from models.learners.probability import softmax
from models.learners.scaling import Scaler

KIND = "lstm"
_ROWS, _VECTOR, _MATRIX = 128, 9_216, 262_144
"""Rows whose gates stay near the processor; and below which sizes OpenBLAS keeps a product to one thread (elements of
the matrix when a vector is multiplied, multiplications when a matrix is). See `_product`."""

Tensors = Mapping[str, NDArray[Any]]


class Description(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What says the shapes of all tensors."""

    steps: int
    features: int
    layers: int
    hidden: int

    def shapes(self) -> dict[str, tuple[int, ...]]:
        gates = 4 * self.hidden
        found: dict[str, tuple[int, ...]] = {
            "mean": (self.features,),
            "scale": (self.features,),
            "head.weight": (len(CLASSES), self.hidden),
            "head.bias": (len(CLASSES),),
        }
        for layer in range(self.layers):
            found[f"lstm.weight_ih_l{layer}"] = (gates, self.features if layer == 0 else self.hidden)
            found[f"lstm.weight_hh_l{layer}"] = (gates, self.hidden)
            found[f"lstm.bias_ih_l{layer}"] = found[f"lstm.bias_hh_l{layer}"] = (gates,)
        return found


class _Layer(NamedTuple):
    """What to multiply rows by, in blocks of columns (see `_blocks`); columns in the order of `_gates`."""

    inputs: Array
    recurrent: Array
    bias: Array


class LstmModel:
    """Computes in float64 what PyTorch does in float32. Raises UnreadableInput when the bytes are no such network."""

    def __init__(self, data: bytes) -> None:
        self._data = bytes(data)
        self._described, tensors = _read(seal.opened(KIND, self._data))
        self._scaler = Scaler(tensors["mean"], tensors["scale"])
        self._layers = [
            _Layer(
                _blocks(_gates(tensors[f"lstm.weight_ih_l{layer}"])),
                _blocks(_gates(tensors[f"lstm.weight_hh_l{layer}"])),
                _gates(tensors[f"lstm.bias_ih_l{layer}"] + tensors[f"lstm.bias_hh_l{layer}"]),
            )
            for layer in range(self._described.layers)
        ]
        self._head = np.ascontiguousarray(tensors["head.weight"].T)
        self._bias = tensors["head.bias"]
        self.probabilities(np.zeros((1, self._described.steps, self._described.features)))  # warms it up

    def probabilities(self, rows: Array) -> Array:
        """See models.learners.base.

        Margins are rounded to float32: the last bits of a matrix product depend on how many rows it has, and a row is
        to get the same numbers alone and among others.
        """
        rows = checks.finite_rows(rows, self._described.steps, self._described.features)
        margins = np.empty((len(rows), len(CLASSES)), dtype=np.float32)
        for start in range(0, len(rows), _ROWS):
            margins[start : start + _ROWS] = self._margins(rows[start : start + _ROWS])
        return softmax(margins.astype(np.float64))

    def dump(self) -> bytes:
        return self._data

    def _margins(self, rows: Array) -> Array:
        sequence = self._scaler.apply(rows).transpose(1, 0, 2)  # (steps, n, features)
        for layer in self._layers:
            sequence = _outputs(layer, sequence)
        found: Array = sequence[-1] @ self._head + self._bias
        return found


def dumped(described: Description, scaler: Scaler, weights: Tensors) -> bytes:
    """A model's bytes. weights: the network's tensors by PyTorch's names, float32."""
    tensors = {**weights, "mean": scaler.mean, "scale": scaler.scale}
    # One entry: safetensors writes several in any order, and bytes would differ.
    header = {"tapeledger": msgspec.json.encode(described).decode()}
    return seal.sealed(KIND, safetensors.numpy.save({name: tensors[name] for name in sorted(tensors)}, header))


def _outputs(layer: _Layer, sequence: Array) -> Array:
    """A layer's output for each step: (steps, n, hidden). What the inputs add is computed for all steps at once."""
    steps, n, inputs = sequence.shape
    units = len(layer.bias) // 4
    driven = _product(sequence.reshape(steps * n, inputs), layer.inputs).reshape(steps, n, 4 * units) + layer.bias
    outputs = np.empty((steps, n, units))
    output, cell = np.zeros((n, units)), np.zeros((n, units))
    for step in range(steps):
        gates = np.tanh(driven[step] + _product(output, layer.recurrent))
        enter, forget, leave = np.split(0.5 * gates[:, : 3 * units] + 0.5, 3, axis=1)
        cell = forget * cell + enter * gates[:, 3 * units :]
        output = outputs[step] = leave * np.tanh(cell)
    return outputs


def _product(rows: Array, blocks: Array) -> Array:
    """rows @ the matrix of `_blocks`, so cut that BLAS takes one thread for each piece.

    A second thread gains nothing in products this small, and on a busy machine each of the dozens in a prediction may
    wait milliseconds for it.
    """
    count, inputs, width = blocks.shape
    size = max(1, _MATRIX // (inputs * width))
    found = np.empty((len(rows), count, width))
    for start in range(0, len(rows), size):
        found[start : start + size] = np.matmul(rows[start : start + size], blocks).transpose(1, 0, 2)
    return found.reshape(len(rows), count * width)


def _blocks(matrix: Array) -> Array:
    """A matrix (inputs, columns) as (blocks, inputs, width): blocks of as many columns as one thread is given."""
    inputs, columns = matrix.shape
    width = max(
        size for size in range(1, columns + 1) if columns % size == 0 and (size * inputs < _VECTOR or size == 1)
    )
    return np.ascontiguousarray(matrix.reshape(inputs, columns // width, width).transpose(1, 0, 2))


def _gates(tensor: Array) -> Array:
    """PyTorch's rows (input, forget, cell, output) as columns (input, forget, output, cell), transposed.

    The sigmoid gates are halved: sigmoid(x) = (1 + tanh(x / 2)) / 2, so that one tanh does for all four, and overflows
    for no x.
    """
    enter, forget, cell, leave = np.split(tensor, 4)
    return np.ascontiguousarray(np.concatenate([0.5 * enter, 0.5 * forget, 0.5 * leave, cell]).T)


def _read(body: bytes) -> tuple[Description, dict[str, Array]]:
    try:
        tensors = safetensors.numpy.load(body)
        header = msgspec.json.decode(body[8 : 8 + int.from_bytes(body[:8], "little")])
        described = msgspec.json.decode(header["__metadata__"]["tapeledger"], type=Description)
    except (safetensors.SafetensorError, msgspec.DecodeError, KeyError) as error:
        raise UnreadableInput(f"not an LSTM: {type(error).__name__} {error}") from error
    shapes, expected = {name: tensor.shape for name, tensor in tensors.items()}, described.shapes()
    if shapes != expected:
        wrong = sorted(name for name in shapes | expected if shapes.get(name) != expected.get(name))
        raise UnreadableInput(f"an LSTM of {described} has other tensors than these: {', '.join(wrong)}")
    wide = {name: np.asarray(tensor, dtype=np.float64) for name, tensor in tensors.items()}
    if not all(np.isfinite(tensor).all() for tensor in wide.values()) or (wide["scale"] <= 0).any():
        raise UnreadableInput("an LSTM's numbers must be finite and its scale positive")
    return described, wide
