"""Training: the language model's loop, and what the trainers of all parts share."""

from __future__ import annotations

from spiritkit.training.checkpoint import is_finished
from spiritkit.training.loop import Stateful, Training

__all__ = ["Stateful", "Training", "is_finished"]
