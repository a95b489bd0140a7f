"""A speech-text model behind lm-eval's interface, beside lm-eval's own model of the same checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from spiritkit_lm_eval.mmlu import MMLU
from spiritkit_lm_eval.model import SpeechTextLM

from spiritkit.errors import InputError
from spiritkit.interfaces import Trial
from spiritkit.types import Score

PAIRS = [
    ("The capital of France is", " Paris"),
    ("The capital of France is", " five and the"),
    ("The capital of France is ", "Paris"),  # the space is the continuation's
    ("The capital of France is  ", "Paris"),
    ("What is the answer?\nA. the\nB. five\nAnswer:", " B"),
    ("What is the answer?\nA. the\nB. five\nAnswer:\n", "B"),
    ("", "The capital of France"),
    ("Zürich, 東京 and", " Paris"),
]
WORDS = ["capital", "of", "France", "is", "Paris", "What", "Answer", "in", "and", "five"]
#: Two texts make tokens together: the whole is read as it is, and what is shared is the continuation's.
MERGED = ("the cap", "ital")


def requests(kind: str, arguments: list[tuple[Any, ...]]) -> list[Instance]:
    return [Instance(kind, {}, one, 0, ("task", number, 1)) for number, one in enumerate(arguments)]


@pytest.fixture(scope="module")
def theirs(llama: Path) -> HFLM:
    return HFLM(pretrained=str(llama), device="cpu", dtype="float32", batch_size=4, add_bos_token=True)


@pytest.fixture(params=[False, True], ids=["plain", "markers"])
def ours(request: pytest.FixtureRequest, pipelines: Any) -> tuple[SpeechTextLM, str]:
    """The model, and the marker that a recipe with markers puts before text."""
    return SpeechTextLM(pipelines[request.param]), "[Text]" if request.param else ""


def test_log_likelihoods_are_those_of_lm_eval(theirs: HFLM, ours: tuple[SpeechTextLM, str]) -> None:
    model, marker = ours
    found = model.loglikelihood(requests("loglikelihood", PAIRS))
    expected = theirs.loglikelihood(
        requests("loglikelihood", [(marker + before, after) for before, after in PAIRS]), disable_tqdm=True
    )
    for pair, (value, _), (other, _) in zip(PAIRS, found, expected, strict=True):
        assert value == pytest.approx(other, abs=1e-4), pair


def test_a_token_across_the_boundary_is_the_continuations(theirs: HFLM, pipelines: Any) -> None:
    """lm-eval's own model leaves such a token out, or scores another part of it: it counts the context's tokens."""
    before, after = MERGED
    tokenizer = theirs.tokenizer
    whole, context = tokenizer(before + after).input_ids, tokenizer(before).input_ids
    assert whole[: len(context)] != context
    shared = next(at for at, (one, other) in enumerate(zip(whole, context, strict=False)) if one != other)
    score = pipelines[False].score([before], [after])
    assert score.n_tokens == len(whole) - shared
    # lm-eval gives the same where it is told where the shared tokens end
    (expected, _), = theirs._loglikelihood_tokens(
        [(("", ""), whole[:shared], whole[shared:])], disable_tqdm=True
    )  # fmt: skip
    ((value, _),) = SpeechTextLM(pipelines[False]).loglikelihood(requests("loglikelihood", [MERGED]))
    assert value == pytest.approx(expected, abs=1e-4)


def test_greedy_decoding_is_told_as_lm_eval_tells_it(theirs: HFLM, pipelines: Any) -> None:
    contexts = [f"{one} {other} the" for one in WORDS for other in WORDS]
    options = {"until": [], "max_gen_toks": 1}
    written = theirs.generate_until(requests("generate_until", [(one, options) for one in contexts]), disable_tqdm=True)
    greedy = [(context, f" {text}") for context, text in zip(contexts, written, strict=True) if text in WORDS]
    assert greedy
    pairs = greedy + [(context, f" {WORDS[WORDS.index(text.strip()) - 1]}") for context, text in greedy]
    found = [truth for _, truth in SpeechTextLM(pipelines[False]).loglikelihood(requests("loglikelihood", pairs))]
    expected = [truth for _, truth in theirs.loglikelihood(requests("loglikelihood", pairs), disable_tqdm=True)]
    assert found == expected
    assert expected == [True] * len(greedy) + [False] * len(greedy)


def test_rolling_log_likelihoods_are_those_of_lm_eval(
    theirs: HFLM, ours: tuple[SpeechTextLM, str], llama: Path
) -> None:
    model, marker = ours
    texts = ["The capital of France is Paris.", "five", "A. the\nB. five\n"]
    found = model.loglikelihood_rolling(requests("loglikelihood_rolling", [(text,) for text in texts]))
    if not marker:  # else lm-eval's own model puts a second <s> before the first, and scores it
        theirs = HFLM(pretrained=str(llama), device="cpu", dtype="float32", batch_size=4, add_bos_token=False)
        expected = theirs.loglikelihood_rolling(
            requests("loglikelihood_rolling", [(text,) for text in texts]), disable_tqdm=True
        )
    else:  # after the marker
        expected = [
            value
            for value, _ in theirs.loglikelihood(
                requests("loglikelihood", [(marker, text) for text in texts]), disable_tqdm=True
            )
        ]
    assert found == pytest.approx(expected, abs=1e-4)


def test_texts_are_those_of_lm_eval(theirs: HFLM, ours: tuple[SpeechTextLM, str], llama: Path) -> None:
    """Greedy, as far as lm-eval's model writes text: ours writes no speech and no marker when text is asked for."""
    model, marker = ours
    contexts = ["The capital of France is", "What is", "five and the capital of"]
    options = {"until": ["."], "max_gen_toks": 8, "do_sample": False}
    found = model.generate_until(requests("generate_until", [(one, options) for one in contexts]))
    n_text = model._speech_text_model.vocabulary.text_size
    theirs.model.generation_config.suppress_tokens = list(range(n_text, theirs.model.config.vocab_size))
    expected = theirs.generate_until(
        requests("generate_until", [(marker + one, options) for one in contexts]), disable_tqdm=True
    )
    theirs.model.generation_config.suppress_tokens = None
    assert [text.strip() for text in found] == [text.strip() for text in expected]
    assert any(found)


def test_mmlu_is_that_of_lm_eval(theirs: HFLM, pipelines: Any, mmlu: Path, tmp_path: Path) -> None:
    task = MMLU(data=str(mmlu), shots=1, subjects=["anatomy"])
    results = list(task.evaluate(pipelines[False], task.items(), Trial(tmp_path)))
    subject = task._subjects["anatomy"]
    for result, document in zip(results, subject.questions, strict=True):
        context = subject.task.fewshot_context(document, num_fewshot=1)
        asked = subject.task.construct_requests(document, context, metadata=("mmlu_anatomy", 0, 1))
        answers = theirs.loglikelihood(asked, disable_tqdm=True)
        values = [value for value, _ in result.details["scores"].values()]
        assert values == pytest.approx([value for value, _ in answers], abs=1e-4)
        assert result.counts["accuracy"][0] == subject.task.process_results(document, answers)["acc"]


def test_sampling_does_not_depend_on_company(pipelines: Any) -> None:
    options = {"until": [], "max_gen_toks": 8, "do_sample": True, "temperature": 1.0}
    asked = requests("generate_until", [("the capital of", options)] * 3)
    model = SpeechTextLM(pipelines[False], seed=5)
    together = model.generate_until(asked)
    assert len(set(together)) > 1
    assert [model.generate_until([one])[0] for one in reversed(asked)] == together[::-1]
    repeated = model.generate_until([asked[0]] * 3)
    assert repeated[0] == together[0]
    assert len(set(repeated)) > 1
    assert SpeechTextLM(pipelines[False], seed=6).generate_until(asked) != together


def test_stop_texts_cut_at_the_first(recorder: Any) -> None:
    model = SpeechTextLM(recorder(written=" Paris, five. And"))
    for until, expected in (([], " Paris, five. And"), ([".", ","], " Paris"), (" five", " Paris,"), (["x", ""], None)):
        found = model.generate_until(requests("generate_until", [("a", {"until": until})]))
        assert found == [" Paris, five. And" if expected is None else expected]


def test_what_does_not_fit_is_an_error_and_others_are_answered(pipelines: Any) -> None:
    model = SpeechTextLM(pipelines[False])
    asked = requests("loglikelihood", [("the " * 600, " Paris"), ("the", " Paris")])
    with pytest.raises(InputError, match="the language model's context holds 512"):
        model.loglikelihood(asked)
    long, short = model.answers(asked)
    assert isinstance(long, InputError)
    assert isinstance(short, tuple)
    mixed = [*requests("loglikelihood_rolling", [("the " * 600,), ("the",)]), asked[1]]
    found = model.answers(mixed, greedy=False)
    assert isinstance(found[0], InputError)
    assert isinstance(found[1], float)
    assert found[2] == (short[0], False)


def test_equal_questions_are_asked_once(recorder: Any) -> None:
    model = recorder(lambda before, after: Score(-1.0, 1))
    SpeechTextLM(model).loglikelihood(requests("loglikelihood", [("a ", "b"), ("a", " b"), ("a", " c")]))
    assert model.scored == [("a", " b"), ("a", " c")]
    assert model.prompts == ["a"]
