"""Training: from bars to a model with its measure, and into the registry. See models.training.pipeline."""

from models.training.pipeline import fit
from models.training.plan import Plan
from models.training.run import train

__all__ = ["Plan", "fit", "train"]
