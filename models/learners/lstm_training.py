"""Fits an LSTM with PyTorch: weighted cross entropy, AdamW, clipped gradients.

What PyTorch keeps for the whole process (random numbers, threads, whether algorithms must repeat) is put back as it was
found; fits of several threads take turns.
Source: I. Loshchilov, F. Hutter, Decoupled weight decay regularization, ICLR 2019 (AdamW); R. Pascanu, T. Mikolov,
Y. Bengio, On the difficulty of training recurrent neural networks, ICML 2013 (clipping by norm).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from domain.errors import InvalidValue
from models.classes import CLASSES
from models.learners.base import Progress
from models.learners.checks import Training

if TYPE_CHECKING:
    from models.learners.lstm import Lstm

_turn = threading.Lock()
_WATCHED_ROWS = 1_024
_CUBLAS = "CUBLAS_WORKSPACE_CONFIG"  # without it, matrix products on CUDA may not repeat and PyTorch refuses them


class Network(nn.Module):
    """Standard scores (n, steps, features) to margins (n, classes): the last step's output of the last layer."""

    def __init__(self, features: int, layers: int, hidden: int, dropout: float) -> None:
        super().__init__()
        between = dropout if layers > 1 else 0.0
        self.lstm = nn.LSTM(features, hidden, layers, batch_first=True, dropout=between)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(hidden, len(CLASSES))

    def forward(self, scores: Tensor) -> Tensor:
        outputs, _ = self.lstm(scores)
        margins: Tensor = self.head(self.dropout(outputs[:, -1]))
        return margins


def fit(
    learner: Lstm,
    train: Training,
    seed: int,
    watched: Training | None,
    report: Callable[[int, float], None] | None,
    progress: Progress,
) -> dict[str, NDArray[Any]]:
    """The network's tensors by name, float32. Rows are standard scores. Raises InvalidValue when the loss is NaN."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with _turn, _repeatable(device, seed):
        network = Network(train.rows.shape[2], learner.layers, learner.hidden, learner.dropout).to(device)
        optimizer = torch.optim.AdamW(network.parameters(), lr=learner.learning_rate, weight_decay=learner.weight_decay)
        order = np.random.default_rng(seed)
        share = train._replace(weight=train.weight / train.weight.mean())
        for epoch in range(learner.epochs):
            network.train()
            for batch in _batches(order.permutation(len(train.target)), learner.batch_size):
                scores, target, weight = _tensors(share, batch, device)
                optimizer.zero_grad()
                loss = (weight * nn.functional.cross_entropy(network(scores), target, reduction="none")).mean()
                if not torch.isfinite(loss):
                    raise InvalidValue(
                        "TRAINING_DIVERGED",
                        f"the loss was {loss.item()} in epoch {epoch + 1} of {learner.epochs}: expected a finite "
                        f"number; try a learning rate below {learner.learning_rate:g}",
                    )
                loss.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(network.parameters(), learner.gradient_norm_max)
                optimizer.step()
            if watched is not None and report is not None:
                report(epoch, _loss(network, watched, device))
            progress((epoch + 1) / learner.epochs)
        return {name: tensor.cpu().numpy() for name, tensor in network.state_dict().items()}


def _loss(network: Network, watched: Training, device: torch.device) -> float:
    """Weighted mean log loss, in nats."""
    network.eval()
    total = 0.0
    with torch.inference_mode():
        for batch in _batches(np.arange(len(watched.target)), _WATCHED_ROWS):
            scores, target, weight = _tensors(watched, batch, device)
            losses = nn.functional.cross_entropy(network(scores), target, reduction="none")
            total += float((weight * losses).sum(dtype=torch.float64))
    return total / float(watched.weight.sum())


def _batches(order: NDArray[np.int64], size: int) -> Iterator[NDArray[np.int64]]:
    for start in range(0, len(order), size):
        yield order[start : start + size]


def _tensors(part: Training, batch: NDArray[np.int64], device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    return (
        torch.as_tensor(part.rows[batch], dtype=torch.float32, device=device),
        torch.as_tensor(part.target[batch], device=device),
        torch.as_tensor(part.weight[batch], dtype=torch.float32, device=device),
    )


@contextmanager
def _repeatable(device: torch.device, seed: int) -> Iterator[None]:
    """The same numbers each time: seeded, one thread, algorithms that repeat."""
    threads = torch.get_num_threads()
    strict, warned = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    workspace = os.environ.get(_CUBLAS)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        try:
            torch.manual_seed(seed)
            torch.set_num_threads(1)
            torch.use_deterministic_algorithms(True)
            if device.type == "cuda":
                os.environ[_CUBLAS] = ":4096:8"
            yield
        finally:
            torch.use_deterministic_algorithms(strict, warn_only=warned)
            torch.set_num_threads(threads)
            if device.type == "cuda" and workspace is None:
                os.environ.pop(_CUBLAS, None)
            elif workspace is not None:
                os.environ[_CUBLAS] = workspace
