"""The contract of text tokenizers."""

from __future__ import annotations

import numpy as np

from spiritkit.interfaces import TextTokenizer
from spiritkit.testing.contract import Contract

#: Text that looks like markers, tokens and special pieces, and must stay text.
LOOKALIKES = ("[Hu5]", "[Text]", "[Speech]", "a [Pi3][St10] b", "<s>", "</s>", "<unk>", "<0x41>", "<|endoftext|>")
#: Text that no tokenizer may fail on, whether or not it can give it back.
STRANGE = ("\n\t", "  two  spaces ", "日本語", "🙂", "e\u0301", "\u00a0", "½ﬁ", "\x00", "▁", "a" * 3000)


class TextTokenizerContract(Contract):
    """Subclass it, and set `component`.

    Attributes:
        texts: come back from their ids as they are. Leave out what yours normalises on purpose.
    """

    kind = "text_tokenizer"
    texts: tuple[str, ...] = ("the cat", " sat on", "two  spaces", "", " ", "Grüße, 日本 🙂", "12 + 30", *LOOKALIKES)

    def test_sizes_and_special_ids(self, part: TextTokenizer) -> None:
        """The special ids are among those that text takes."""
        assert part.size >= 1
        assert 0 <= part.eos_id < part.size
        assert part.bos_id is None or 0 <= part.bos_id < part.size

    def test_text_comes_back(self, part: TextTokenizer) -> None:
        """Decoding undoes encoding."""
        for text in self.texts:
            assert part.decode(part.encode(text)) == text

    def test_any_text_has_ids_of_text(self, part: TextTokenizer) -> None:
        """Ids are 0…size - 1. Nothing is added, and no text makes a special id: it would end or open a sequence."""
        for text in (*self.texts, *LOOKALIKES, *STRANGE):
            ids = part.encode(text)
            assert all(isinstance(id, int) and 0 <= id < part.size for id in ids), text
            assert part.eos_id not in ids, text
            assert part.bos_id is None or part.bos_id not in ids, text
            assert part.encode(text) == ids

    def test_any_ids_decode(self, part: TextTokenizer) -> None:
        """Whatever ids a model emits are some text; special ones are left out."""
        rng = np.random.default_rng(0)
        for length in (0, 1, 2, 5, 40) * 20:
            text = part.decode(rng.integers(0, part.size, length).tolist())
            assert isinstance(text, str)
            text.encode()  # no lone surrogates
        ids = part.encode("the cat")
        special = [part.eos_id] if part.bos_id is None else [part.bos_id, part.eos_id]
        assert part.decode([special[0], *ids, special[-1]]) == part.decode(ids)

    def test_a_sequence_is_assembled(self, part: TextTokenizer) -> None:
        """`bos_id`, then the parts in order; known ids stand as they are, also beyond those of text."""
        opening = [] if part.bos_id is None else [part.bos_id]
        known = part.size + 3
        ids = part.assemble([known, "the cat", known + 1, " sat", known])
        assert ids[: len(opening)] == opening
        assert [id for id in ids if id >= part.size] == [known, known + 1, known]
        texts: list[list[int]] = [[]]
        for id in ids[len(opening) :]:
            if id >= part.size:
                texts.append([])
            else:
                texts[-1].append(id)
        spoken = [part.decode(run).strip() for run in texts if part.decode(run).strip()]
        assert spoken == [part.decode(part.encode(text)).strip() for text in ("the cat", " sat")]
        assert part.assemble([])[: len(opening)] == opening

    def test_find_gives_an_id_or_nothing(self, part: TextTokenizer) -> None:
        """For any spelling."""
        for piece in ("[Text]", "[Hu0]", "no such piece", ""):
            found = part.find(piece)
            assert found is None or (isinstance(found, int) and found >= 0)
