"""Training of SentencePiece models (Kudo and Richardson 2018)."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from sentencepiece import SentencePieceProcessor, SentencePieceTrainer

from spiritkit.atomic import write_bytes
from spiritkit.checks import check_range
from spiritkit.errors import InputError, RequestError
from spiritkit.interfaces import Context, Corpus, Step
from spiritkit.training.model_card import write_model_card

_N_SPECIAL, _N_BYTES = 3, 256
#: Longer lines are cut at a space: SentencePiece skips what is over 4,192 bytes, and a character may take four.
_LINE = re.compile(r"(.{1,1000})(?: |$)|(.{1,1000})")
#: SentencePiece uses this character itself, and would skip lines that have it.
_RESERVED = "\u2585"


class TrainSentencePiece(Step):
    """Trains the text tokenizer `sentencepiece.v1` on the text of a corpus, with the settings of Llama's: text is taken
    as it is, digits stand alone, white space may form pieces, a line break is a byte; `<unk>`, `<s>`, `</s>` are 0, 1
    and 2. The same text in the same order gives the same file.

    Writes `tokenizer.model`, and `README.md` with the data, the parameters and, where there is validation data, the
    characters per token and the share of tokens that are bytes or unknown. SentencePiece holds all text in memory:
    about 1 GB of it at most is of use (`subset.v1` takes a part of a corpus).

    Args:
        corpus: whose text is learnt from; utterances without text are left out.
        validation: whose text the result is measured on.
        vocabulary_size: how many pieces there are, the special ones and bytes included.
        model_type: byte pair encoding, as Llama's, or a unigram language model.
        byte_fallback: whether characters without a piece are written as their UTF-8 bytes, for which there are 256
            pieces; else they are `<unk>`.
        character_coverage: the share of the text's characters for which there are pieces, most frequent first.

    Raises:
        RequestError: a value is out of its range.
    """

    sections = ()

    def __init__(
        self,
        *,
        corpus: Corpus,
        validation: Corpus | None = None,
        vocabulary_size: int = 32_000,
        model_type: Literal["bpe", "unigram"] = "bpe",
        byte_fallback: bool = True,
        character_coverage: float = 0.99995,
    ):
        least = _N_SPECIAL + 1 + (_N_BYTES if byte_fallback else 0)
        check_range("train-sentencepiece.v1", {"vocabulary_size": vocabulary_size}, at_least=least)
        coverage = {"character_coverage": character_coverage}
        check_range("train-sentencepiece.v1", coverage, at_least=0.98, at_most=1)  # what SentencePiece takes
        self._corpus, self._validation = corpus, validation
        self._vocabulary_size, self._model_type = vocabulary_size, model_type
        self._byte_fallback, self._character_coverage = byte_fallback, character_coverage

    def input_files(self) -> list[Path]:
        """The tables of the corpora."""
        return [*self._corpus.input_files(), *(self._validation.input_files() if self._validation else [])]

    def run(self, context: Context) -> None:
        """See `Step.run`."""
        # Read before training begins: SentencePiece would take an interruption for the end of the text.
        utterances = context.progress(self._corpus, total=len(self._corpus), unit="text")
        lines = [line for utterance in utterances for line in _lines(utterance.id, utterance.text)]
        if not lines:
            raise RequestError("the corpus has no text; expected at least one utterance with some")
        model = self._train(lines)
        figures = _measured(model, self._validation) if self._validation else {}
        write_bytes(context.folder / "tokenizer.model", model)
        write_model_card(
            context.folder / "README.md",
            title="SentencePiece tokenizer",
            summary="Text ↔ ids; `sentencepiece.v1` loads `tokenizer.model`.",
            data={"training": f"{len(lines):,} lines, {sum(map(len, lines)):,} characters"},
            parameters={
                "vocabulary_size": self._vocabulary_size,
                "model_type": self._model_type,
                "byte_fallback": self._byte_fallback,
                "character_coverage": self._character_coverage,
            },
            figures=figures,
            seed=context.seed,
            packages=["sentencepiece"],
        )

    def _train(self, lines: list[str]) -> bytes:
        buffer = io.BytesIO()
        try:
            SentencePieceTrainer.train(
                sentence_iterator=iter(lines),
                model_writer=buffer,
                vocab_size=self._vocabulary_size,
                model_type=self._model_type,
                byte_fallback=self._byte_fallback,
                character_coverage=self._character_coverage,
                unk_id=0,
                bos_id=1,
                eos_id=2,
                pad_id=-1,
                normalization_rule_name="identity",
                remove_extra_whitespaces=False,
                allow_whitespace_only_pieces=True,
                split_digits=True,
                num_threads=1,  # with several, the order of sums differs from run to run
                minloglevel=2,
            )
        except RuntimeError as error:
            raise RequestError(self._explained(str(error))) from error
        return buffer.getvalue()

    def _explained(self, message: str) -> str:
        """What SentencePiece says, in terms of this step's parameters."""
        size = f"vocabulary_size is {self._vocabulary_size}"
        if found := re.search(r"too high .* value <= (\d+)", message):
            return f"{size}; the text of the corpus gives at most {found[1]} pieces"
        if found := re.search(r"smaller than required_chars\. \d+ vs (\d+)", message):
            return f"{size}; the characters of the corpus need {found[1]} or a lower character_coverage"
        return f"SentencePiece does not learn from this corpus: {message.rpartition('] ')[2] or message}"


def _lines(id: str, text: str | None) -> Iterator[str]:
    """What SentencePiece is given: lines that it takes.

    Raises:
        InputError: the text is not valid Unicode.
    """
    for line in (text or "").replace(_RESERVED, " ").splitlines():
        try:
            line.encode()
        except UnicodeEncodeError as error:
            raise InputError(f"text of {id!r} has a lone surrogate; expected valid Unicode") from error
        yield from (piece[1] or piece[2] for piece in _LINE.finditer(line) if piece[0].strip())


def _measured(model: bytes, corpus: Corpus) -> dict[str, float]:
    processor = SentencePieceProcessor(model_proto=model)
    n_characters = n_tokens = n_unknown = 0
    for utterance in corpus:
        for line in _lines(utterance.id, utterance.text):
            ids = processor.encode(line)
            n_characters += len(line)
            n_tokens += len(ids)
            n_unknown += sum(processor.is_byte(id) or processor.is_unknown(id) for id in ids)
    if not n_tokens:
        return {}
    return {"characters per token": n_characters / n_tokens, "share of bytes and unknown": n_unknown / n_tokens}
