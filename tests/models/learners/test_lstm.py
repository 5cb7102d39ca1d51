"""The LSTM: what it learns of time, NumPy's forward pass beside PyTorch's own, and what a fit leaves behind.

All tests that need PyTorch are here, so that one process pays for its import.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from sklearn.preprocessing import StandardScaler

import models.learners
from domain.errors import InvalidValue, UnavailableError, UnreadableInput
from models.learners import learner, seal
from models.learners.lstm import Lstm
from models.learners.lstm_model import Description, LstmModel, dumped
from models.learners.scaling import Scaler
from tests.models.learners.conformance import Conformance, Stop
from tests.models.learners.problems import WIDTH, Problem, log_loss, separable

SMALL: dict[str, Any] = {
    "steps": 3,
    "layers": 2,
    "hidden": 8,
    "epochs": 4,
    "batch_size": 64,
    "dropout": 0.1,
    "learning_rate": 0.02,
}


def described(model: LstmModel) -> dict[str, torch.Tensor]:
    """The model's tensors, as the safetensors library reads them."""
    return safetensors.torch.load(seal.opened("lstm", model.dump()))


def by_pytorch(model: LstmModel, rows: np.ndarray, layers: int, hidden: int) -> np.ndarray:
    """Probabilities of torch.nn.LSTM and torch.nn.Linear with the model's tensors, in float64, put together anew."""
    tensors = {name: tensor.double() for name, tensor in described(model).items()}
    lstm = torch.nn.LSTM(rows.shape[2], hidden, layers, batch_first=True, dtype=torch.float64)
    lstm.load_state_dict({name.removeprefix("lstm."): tensors[name] for name in tensors if name.startswith("lstm.")})
    scores = (torch.from_numpy(rows) - tensors["mean"]) / tensors["scale"]
    with torch.inference_mode():
        margins = lstm(scores)[0][:, -1] @ tensors["head.weight"].T + tensors["head.bias"]
        return torch.softmax(margins, dim=1).numpy()


class TestLstm(Conformance):
    kind = "lstm"
    small = SMALL
    rounds = 4
    seeded = True

    def test_its_size_by_default(self) -> None:
        """2 layers of 128 units over 16 bars, dropout 0.2, and how it is trained."""
        assert learner("lstm").parameters == {
            "steps": 16,
            "layers": 2,
            "hidden": 128,
            "dropout": 0.2,
            "epochs": 10,
            "batch_size": 256,
            "learning_rate": 1e-3,
            "weight_decay": 1e-2,
            "gradient_norm_max": 1.0,
        }

    def test_of_its_default_size_it_computes_what_pytorch_does(self) -> None:
        """128 units in two layers after one epoch: NumPy's probabilities are PyTorch's, to the rounding of margins.

        The tensors have the shapes that torch.nn.LSTM gives a network of this size.
        """
        problem, fresh = separable(16, seed=51, count=60), separable(16, seed=52, count=20)

        model = Lstm(epochs=1).fit(*problem, seed=0)

        expected = by_pytorch(model, fresh.rows, layers=2, hidden=128)
        np.testing.assert_allclose(model.probabilities(fresh.rows), expected, rtol=0, atol=1e-7)

    @pytest.mark.parametrize(("layers", "hidden", "steps"), [(1, 1, 1), (1, 5, 4), (3, 6, 2), (2, 100, 3)])
    def test_of_any_size_it_computes_what_pytorch_does(self, layers: int, hidden: int, steps: int) -> None:
        """Large random weights, so that gates are open, shut and between: still PyTorch's probabilities."""
        random = np.random.default_rng(hidden)
        shape = Description(steps=steps, features=4, layers=layers, hidden=hidden)
        weights = {
            name: random.normal(0, 1.5, size).astype(np.float32)
            for name, size in shape.shapes().items()
            if name not in ("mean", "scale")
        }
        model = LstmModel(dumped(shape, Scaler(random.normal(size=4), random.uniform(0.5, 2, 4)), weights))
        rows = random.normal(size=(40, steps, 4))

        expected = by_pytorch(model, rows, layers, hidden)

        assert expected.std(axis=0).max() > 0.05
        np.testing.assert_allclose(model.probabilities(rows), expected, rtol=0, atol=2e-6)

    def test_it_remembers_an_earlier_bar(self) -> None:
        """Where the oldest of three bars tells the answer and the newest nothing, it is found."""
        problem, fresh = separable(3, seed=53, back=2), separable(3, seed=54, back=2, count=200)

        model = Lstm(**{**SMALL, "epochs": 12}).fit(*problem, seed=0)

        assert log_loss(model.probabilities(fresh.rows), fresh.target) < 0.7

    def test_its_scaler_is_fitted_on_its_rows(self, kind_of_model: Lstm, problem: Problem, model: LstmModel) -> None:
        """Mean and deviation of the training rows, by their weights, as scikit-learn computes them."""
        peer = StandardScaler().fit(problem.rows.reshape(-1, WIDTH), sample_weight=np.repeat(problem.weight, 3))

        np.testing.assert_allclose(described(model)["mean"], peer.mean_, rtol=1e-9)
        np.testing.assert_allclose(described(model)["scale"], peer.scale_, rtol=1e-9)

    def test_units_do_not_matter(self, kind_of_model: Lstm, problem: Problem, fresh: Problem, model: LstmModel) -> None:
        """Columns in other units and with another zero are the same to it: they are standardised."""
        scale, zero = 2.0 ** np.arange(-7, WIDTH - 7), 2.0 ** np.arange(WIDTH) / 256

        other = kind_of_model.fit(problem.rows * scale + zero, problem.target, problem.weight, seed=7)

        found = other.probabilities(fresh.rows * scale + zero)
        np.testing.assert_allclose(found, model.probabilities(fresh.rows), rtol=0, atol=1e-3)

    def test_a_loss_that_is_no_number_ends_the_fit(self, problem: Problem) -> None:
        """Weights that grow ninefold a step overflow: the error says so, and no model of NaN comes out."""
        wild = Lstm(**{**SMALL, "epochs": 20, "learning_rate": 1.0, "weight_decay": 10.0})

        with pytest.raises(InvalidValue, match=r"the loss was (nan|inf) in epoch") as raised:
            wild.fit(*problem, seed=0)
        assert raised.value.code == "TRAINING_DIVERGED"

    @pytest.mark.parametrize("ends", [True, False])
    def test_a_fit_leaves_pytorch_as_it_was(
        self, ends: bool, kind_of_model: Lstm, problem: Problem, fresh: Problem
    ) -> None:
        """Threads, random numbers and the demand for repeating algorithms are as before, also after an error."""
        torch.manual_seed(99)

        def state() -> tuple[Any, ...]:
            numbers = torch.get_rng_state().numpy().tobytes()
            return numbers, torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()

        def report(number: int, loss: float) -> None:
            assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == (1, True)
            if not ends:
                raise Stop

        threads = torch.get_num_threads()
        try:
            torch.set_num_threads(2)
            before = state()
            try:
                kind_of_model.fit(*problem, seed=7, watch=fresh, report=report)
            except Stop:
                assert not ends
            assert state() == before
        finally:
            torch.set_num_threads(threads)

    def test_other_random_numbers_do_not_matter(self, kind_of_model: Lstm, problem: Problem, model: LstmModel) -> None:
        """Whatever drew random numbers of PyTorch before, a seed gives its model."""
        torch.rand(17)

        assert kind_of_model.fit(*problem, seed=7).dump() == model.dump()

    def test_it_is_served_without_pytorch(self, model: LstmModel, fresh: Problem, tmp_path: Path) -> None:
        """A new process reads a model and predicts the same; PyTorch is not imported there."""
        (tmp_path / "model").write_bytes(model.dump())
        np.save(tmp_path / "rows.npy", fresh.rows)
        program = (
            "import sys, numpy as np; from pathlib import Path; from models.learners import learner\n"
            f"home = Path({str(tmp_path)!r})\n"
            "model = learner('lstm').load((home / 'model').read_bytes())\n"
            "np.save(home / 'found.npy', model.probabilities(np.load(home / 'rows.npy')))\n"
            "assert 'torch' not in sys.modules"
        )

        subprocess.run([sys.executable, "-c", program], check=True, timeout=60)

        np.testing.assert_array_equal(np.load(tmp_path / "found.npy"), model.probabilities(fresh.rows))

    def test_fitting_without_pytorch_says_what_is_missing(
        self, kind_of_model: Lstm, problem: Problem, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its wheels are gigabytes and may not be there: the error names it."""
        monkeypatch.delitem(sys.modules, "models.learners.lstm_training")
        monkeypatch.delattr(models.learners, "lstm_training")
        monkeypatch.setitem(sys.modules, "torch", None)

        with pytest.raises(UnavailableError, match="fitting an LSTM needs torch, which is not installed"):
            kind_of_model.fit(*problem, seed=0)

    @pytest.mark.parametrize(
        ("change", "told"),
        [
            (lambda tensors: tensors.pop("head.bias"), "other tensors than these: head.bias"),
            (lambda tensors: tensors.update(more=torch.zeros(1)), "other tensors than these: more"),
            (lambda tensors: tensors.update({"head.bias": torch.zeros(2)}), "other tensors than these: head.bias"),
            (lambda tensors: tensors["lstm.weight_hh_l1"].fill_(float("nan")), "must be finite"),
            (lambda tensors: tensors["scale"].zero_(), "its scale positive"),
        ],
    )
    def test_tensors_that_make_no_network_are_refused(self, change: Any, told: str, model: LstmModel) -> None:
        """One too few, one too many, of a wrong shape, without a value, or a scale of zero: none is served."""
        tensors = described(model)
        header = {"tapeledger": f'{{"steps":3,"features":{WIDTH},"layers":2,"hidden":8}}'}
        LstmModel(seal.sealed("lstm", safetensors.torch.save(tensors, header)))  # unchanged they make one

        change(tensors)

        with pytest.raises(UnreadableInput, match=told):
            LstmModel(seal.sealed("lstm", safetensors.torch.save(tensors, header)))

    def test_a_file_that_describes_no_network_is_refused(self, model: LstmModel) -> None:
        """Tensors alone do not say how many bars the network sees."""
        with pytest.raises(UnreadableInput, match="not an LSTM"):
            LstmModel(seal.sealed("lstm", safetensors.torch.save(described(model))))
