"""Trained models, where they are kept and which of them is used.

store: plain files, enough to predict with. records: MLflow, the truth about versions and aliases (importing it takes
seconds, so nothing here imports it). outbox: what has to go on `audit.logs`.
"""

from models.registry.meta import Meta, Pointer, Thresholds, check_features

__all__ = ["Meta", "Pointer", "Thresholds", "check_features"]
