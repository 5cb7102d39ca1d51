"""Inputs that could not be read: how they are kept, and how people settle them."""

from streams.deadletters.letter import TOPIC, Letter, Place
from streams.deadletters.writer import DeadLetters

__all__ = ["TOPIC", "DeadLetters", "Letter", "Place"]
