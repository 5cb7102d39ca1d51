"""LSTM: a recurrent network over the feature rows of the last bars, softmax over the three classes.

    lstm.py             the learner: hyper-parameters (this file)
    lstm_training.py    fits with PyTorch, which is imported there alone
    lstm_model.py       predicts with NumPy: a worker that serves an LSTM needs no PyTorch

Source: S. Hochreiter, J. Schmidhuber, Long short-term memory, Neural Computation 9 (1997), with the forget gate of
F. Gers, J. Schmidhuber, F. Cummins, Learning to forget, Neural Computation 12 (2000), as PyTorch computes it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from domain.errors import UnavailableError
from models.features import Array
from models.learners import checks
from models.learners.base import Parameters, Progress, Targets
from models.learners.lstm_model import Description, LstmModel, dumped
from models.learners.scaling import Scaler

_BOUNDS: dict[str, tuple[float, float]] = {
    "steps": (1, 128),
    "layers": (1, 8),
    "hidden": (1, 2_048),
    "dropout": (0.0, 0.9),
    "epochs": (1, 1_000),
    "batch_size": (1, 65_536),
    "learning_rate": (1e-6, 1.0),
    "weight_decay": (0.0, 10.0),
    "gradient_norm_max": (1e-3, 1e3),
}


@dataclass(frozen=True, kw_only=True)
class Lstm:
    """Hyper-parameters. steps: bars that the network sees; hidden: units of each layer.

    The number of epochs is fixed: stopping early needs rows to decide by, and the neighbours of those in time would be
    learnt from. A tuner chooses `epochs` on inner folds like any other hyper-parameter.
    Raises InvalidValue for a value out of bounds.
    """

    kind: ClassVar[str] = "lstm"
    pruned: ClassVar[bool] = True

    steps: int = 16
    layers: int = 2
    hidden: int = 128
    dropout: float = 0.2
    epochs: int = 10
    batch_size: int = 256
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    gradient_norm_max: float = 1.0

    def __post_init__(self) -> None:
        checks.hyper_parameters(self, _BOUNDS)

    @property
    def parameters(self) -> Parameters:
        return asdict(self)

    def fit(
        self,
        rows: Array,
        target: Targets,
        weight: Array,
        *,
        seed: int,
        watch: tuple[Array, Targets, Array] | None = None,
        report: Callable[[int, float], None] | None = None,
        progress: Progress = lambda done: None,
    ) -> LstmModel:
        """See models.learners.base. On CUDA when there is a device, else on one thread of the CPU.

        Raises InvalidValue when the loss stops being a number, UnavailableError when PyTorch is not installed.
        """
        try:
            from models.learners import lstm_training  # imports PyTorch: seconds
        except ModuleNotFoundError as error:
            if error.name != "torch":
                raise
            raise UnavailableError("fitting an LSTM needs torch, which is not installed") from error
        train = checks.training(rows, target, weight, self.steps, seed)
        features = train.rows.shape[2]
        watched = checks.watched(watch, report, self.steps, features)
        scaler = Scaler.fit(train.rows, train.weight)
        seen = None if watched is None else watched._replace(rows=scaler.apply(watched.rows))
        weights = lstm_training.fit(self, train._replace(rows=scaler.apply(train.rows)), seed, seen, report, progress)
        described = Description(steps=self.steps, features=features, layers=self.layers, hidden=self.hidden)
        return LstmModel(dumped(described, scaler, weights))

    def load(self, data: bytes) -> LstmModel:
        return LstmModel(data)

    @classmethod
    def suggest(cls, trial: Any) -> Parameters:
        """The number of steps stays: it says which samples there are."""
        return {
            "layers": trial.suggest_int("layers", 1, 2),
            "hidden": trial.suggest_categorical("hidden", [32, 64, 128]),
            "dropout": trial.suggest_float("dropout", 0.0, 0.5),
            "epochs": trial.suggest_int("epochs", 3, 15),
            "learning_rate": trial.suggest_float("learning_rate", 3e-4, 1e-2, log=True),
        }
