"""A speech-text model behind lm-eval's model interface."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.api.model import LM
from lm_eval.models.utils import normalize_gen_kwargs

from spiritkit.errors import SpiritkitError
from spiritkit.evaluation.asking import generate_each, score_each
from spiritkit.interfaces import SpeechTextModel
from spiritkit.seeding import derive
from spiritkit.types import Generation, Score, Text

#: What lm-eval makes of an answer: (log-probability, greedy), a log-probability, or a text.
Answer = tuple[float, bool] | float | str


class SpeechTextLM(LM):
    """Any `SpeechTextModel` for `lm_eval.simple_evaluate(model=SpeechTextLM(pipeline), …)`; it reads and writes text.

    How a sequence begins (BOS, a marker of text) is the model's own business, as is where the tokens of a continuation
    begin: context and continuation are read as one text, and a token that reaches from one into the other belongs to
    the continuation. White space at the end of a context is the continuation's, as in lm-eval's own models. Nothing is
    cut: what is longer than the model's context is an error.

    Args:
        model: what answers.
        seed: of texts that are drawn at random.
    """

    def __init__(self, model: SpeechTextModel, seed: int = 0):
        super().__init__()
        self._speech_text_model, self._seed = model, seed

    def loglikelihood(self, requests: list[Instance]) -> list[tuple[float, bool]]:
        """For each (context, continuation) its natural log-probability, and whether greedy decoding writes it: whether
        the text that the model continues with, in as many tokens, is the same but for white space around it.
        """
        return _all(self.log_likelihoods(requests))

    def loglikelihood_rolling(self, requests: list[Instance]) -> list[float]:
        """For each text its natural log-probability after nothing."""
        answers = score_texts(self._speech_text_model, [("", request.args[0]) for request in requests])
        return [score.log_probability for score in _all(answers)]

    def generate_until(self, requests: list[Instance]) -> list[str]:
        """For each (context, options) what the model continues with, up to the first of the options' stop texts."""
        return _all(self.texts(requests))

    def answers(self, requests: Sequence[Instance], greedy: bool = True) -> list[Answer | SpiritkitError]:
        """The answer to each request of any type, or why there is none.

        Args:
            requests: one that stands here several times is drawn anew each time.
            greedy: whether log-probabilities come with the truth on greedy decoding, which takes a generation for each;
                else with False.
        """
        asked: dict[str, Callable[[list[Instance]], list[Any]]] = {
            "loglikelihood": lambda some: self.log_likelihoods(some, greedy),
            "loglikelihood_rolling": lambda some: [
                one if isinstance(one, SpiritkitError) else one.log_probability
                for one in score_texts(self._speech_text_model, [("", request.args[0]) for request in some])
            ],
            "generate_until": self.texts,
        }
        found: dict[int, Answer | SpiritkitError] = {}
        for kind in dict.fromkeys(request.request_type for request in requests):
            places = [place for place, request in enumerate(requests) if request.request_type == kind]
            found.update(zip(places, asked[kind]([requests[place] for place in places]), strict=True))
        return [found[place] for place in range(len(requests))]

    def log_likelihoods(
        self, requests: Sequence[Instance], greedy: bool = True
    ) -> list[tuple[float, bool] | SpiritkitError]:
        """`loglikelihood`, with an error in the place of what has no answer; see `answers`."""
        pairs = [(request.args[0], request.args[1]) for request in requests]
        scores = score_texts(self._speech_text_model, pairs)
        truths: dict[tuple[str, str], bool | SpiritkitError] = {}
        if greedy:
            scored = [(pair, one.n_tokens) for pair, one in zip(pairs, scores, strict=True) if isinstance(one, Score)]
            truths = self._greedy(dict(scored))
        answers: list[tuple[float, bool] | SpiritkitError] = []
        for pair, score in zip(pairs, scores, strict=True):
            truth = truths.get(pair, False)
            if isinstance(score, SpiritkitError):
                answers.append(score)
            else:
                answers.append(truth if isinstance(truth, SpiritkitError) else (score.log_probability, truth))
        return answers

    def texts(self, requests: Sequence[Instance]) -> list[str | SpiritkitError]:
        """`generate_until`, with an error in the place of what has no answer."""
        groups: dict[tuple[int, float, float], list[int]] = {}
        options = [normalize_gen_kwargs(request.args[1]) for request in requests]
        for place, given in enumerate(options):
            temperature = given.get("temperature", 1.0) if given.get("do_sample") else 0.0
            groups.setdefault((given["max_gen_toks"], temperature, given.get("top_p", 1.0)), []).append(place)
        seeds = self._seeds(requests)
        found: dict[int, str | SpiritkitError] = {}
        for (length, temperature, top_p), places in groups.items():
            answers = generate_each(
                self._speech_text_model,
                [[Text(requests[place].args[0])] for place in places],
                "text",
                max_new_tokens=length,
                temperature=temperature,
                top_p=top_p,
                seeds=[seeds[place] for place in places],
            )
            for place, answer in zip(places, answers, strict=True):
                found[place] = answer if isinstance(answer, SpiritkitError) else _cut(answer, options[place]["until"])
        return [found[place] for place in range(len(requests))]

    def _seeds(self, requests: Sequence[Instance]) -> list[int]:
        """By task, document and repetition, so that neither order nor company matters."""
        asked: dict[int, int] = {}
        seeds = []
        for request in requests:
            repetition = asked[id(request)] = asked.get(id(request), -1) + 1
            seeds.append(derive(self._seed, str(request.task_name), str(request.doc_id), request.idx, repetition))
        return seeds

    def _greedy(self, pairs: dict[tuple[str, str], int]) -> dict[tuple[str, str], bool | SpiritkitError]:
        """Whether the model, asked for as many tokens as a continuation has, writes it."""
        truths: dict[tuple[str, str], bool | SpiritkitError] = {}
        for length in sorted(set(pairs.values())):
            some = [pair for pair, n_tokens in pairs.items() if n_tokens == length]
            contexts = list(dict.fromkeys(_split(*pair)[0] for pair in some))
            answers = generate_each(
                self._speech_text_model,
                [[Text(context)] if context else [] for context in contexts],
                "text",
                max_new_tokens=length,
                temperature=0,
                seeds=[0] * len(contexts),
            )
            written = dict(zip(contexts, answers, strict=True))
            for pair in some:
                context, continuation = _split(*pair)
                answer = written[context]
                if isinstance(answer, SpiritkitError):
                    truths[pair] = answer
                else:
                    truths[pair] = answer.text.strip() == continuation.strip()
        return truths


def score_texts(model: SpeechTextModel, pairs: Sequence[tuple[str, str]]) -> list[Score | SpiritkitError]:
    """The score of each (context, continuation), or why there is none; one that occurs again is scored once."""
    questions = [_split(*pair) for pair in pairs]
    different = list(dict.fromkeys(questions))
    answers = score_each(model, [([Text(before)] if before else [], [Text(after)]) for before, after in different])
    found = dict(zip(different, answers, strict=True))
    return [found[question] for question in questions]


def _split(context: str, continuation: str) -> tuple[str, str]:
    """Context and continuation, with the white space between them in the continuation."""
    before = context.rstrip()
    return before, context[len(before) :] + continuation


def _cut(generation: Generation, stops: Sequence[str]) -> str:
    text = generation.text
    for stop in stops:
        if stop:
            text = text.partition(stop)[0]
    return text


def _all(answers: Sequence[Any]) -> list[Any]:
    for answer in answers:
        if isinstance(answer, SpiritkitError):
            raise answer
    return list(answers)
