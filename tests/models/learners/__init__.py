"""Tests of models.learners: what every kind must do, and what each does in its own way."""
