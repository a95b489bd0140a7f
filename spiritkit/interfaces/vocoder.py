"""Units or tokens → audio."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from spiritkit.types import Audio, Tokens, Units


class Vocoder(ABC):
    """Turns codes into sound (paper, section 3.1). `Units` have durations; `Tokens` do not, and the vocoder predicts
    them. Whatever a model may emit is decodable: without any unit the audio is empty, missing streams take defaults.
    """

    #: Whether `decode` takes `Units` only. A pipeline then gives it tokens as the recipe's serializer reads them back.
    needs_units: bool = False

    #: Stream → source of the units it was trained on, as far as its files say (see `spiritkit.provenance`).
    trained_on: Mapping[str, str] = MappingProxyType({})

    @property
    @abstractmethod
    def accepts(self) -> tuple[str, ...]:
        """Names of the streams it reads, the one that carries the time first."""

    @property
    @abstractmethod
    def sample_rate(self) -> int:
        """Of the audio it makes, in Hz."""

    @abstractmethod
    def decode(
        self,
        speech: list[Units | Tokens],
        *,
        speaker: int | str | None = None,
        style: int | str | None = None,
        seed: int = 0,
    ) -> list[Audio]:
        """Decode a batch; each result is independent of the rest of the batch.

        Args:
            speech: what to say.
            speaker: index or name of the voice, None for the vocoder's default.
            style: index or name of the style, None for what the tokens say or the vocoder's default.
            seed: of whatever is drawn at random.

        Raises:
            RequestError: no such speaker or style; the message lists those there are.
        """

    def frames(self, tokens: Tokens) -> Units | None:
        """The frames that `decode` makes of tokens: they sound as the tokens do, and tell when each is heard.

        Returns:
            The streams of `accepts` that the tokens have a code of, each at the rate at which the vocoder reads it;
            None if the vocoder does not know, or needs units.

        Raises:
            InputError: as `decode`.
        """
        return None

    @abstractmethod
    def decode_stream(
        self,
        chunks: Iterable[Units | Tokens],
        *,
        speaker: int | str | None = None,
        style: int | str | None = None,
        seed: int = 0,
    ) -> Iterator[Audio]:
        """Decode speech that arrives in pieces, giving audio as early as it is settled. The pieces of audio, joined,
        equal `decode` of the joined input.
        """
