"""Units ↔ tokens."""

from __future__ import annotations

from abc import ABC, abstractmethod

from spiritkit.types import Tokens, Units


class Serializer(ABC):
    """Writes several streams of frames as one sequence of tokens, and reads frames back from it."""

    @abstractmethod
    def serialize(self, units: Units) -> Tokens:
        """One token sequence of all streams."""

    @abstractmethod
    def deserialize(self, tokens: Tokens) -> Units:
        """Frames for a vocoder that needs them, from any tokens that a model may emit. What serializing lost
        (durations) is replaced by a documented default.
        """
