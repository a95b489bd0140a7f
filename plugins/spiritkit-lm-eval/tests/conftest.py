"""What the lm-eval tests share: small data sets in the exact formats, and a small model on disk."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

import spiritkit
from spiritkit.interfaces import SpeechTextModel
from spiritkit.types import Generation, Prompt, Score, Text

SCHEMA = pa.schema(
    [("question", pa.string()), ("subject", pa.string()), ("choices", pa.list_(pa.string())), ("answer", pa.int64())]
)


def questions(subject: str, split: str, count: int) -> list[dict[str, Any]]:
    """Sums, with the right answer at each place in turn."""
    return [
        {
            "question": f" What is {number} + {len(split)} in {subject}? ",  # lm-eval strips it
            "subject": subject,
            "choices": [str(number + len(split) + place - number % 4) for place in range(4)],
            "answer": number % 4,
        }
        for number in range(count)
    ]


def write_split(folder: Path, subject: str, split: str, rows: list[dict[str, Any]]) -> Path:
    """One file as `cais/mmlu` has it."""
    path = folder / subject / f"{split}-00000-of-00001.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), path)
    return path


@pytest.fixture
def write() -> Callable[[Path, str, str, list[dict[str, Any]]], Path]:
    return write_split


@pytest.fixture
def sums() -> Callable[[str, str, int], list[dict[str, Any]]]:
    return questions


@pytest.fixture(scope="session")
def mmlu(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two subjects of MMLU: five examples each, four and three questions."""
    folder = tmp_path_factory.mktemp("mmlu")
    for subject, count in (("anatomy", 4), ("high_school_us_history", 3)):
        write_split(folder, subject, "dev", questions(subject, "dev", 5))
        write_split(folder, subject, "test", questions(subject, "test", count))
        write_split(folder, subject, "validation", questions(subject, "validation", 2))
    return folder


@pytest.fixture(scope="session", autouse=True)
def _caches(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The library datasets keeps what it has read; here in the folder of the tests, and offline."""
    import datasets

    datasets.config.HF_DATASETS_CACHE = tmp_path_factory.mktemp("datasets")
    datasets.config.HF_DATASETS_OFFLINE = True
    datasets.disable_progress_bars()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    torch.set_num_threads(1)


TASKS = {
    "capitals": """
task: capitals
dataset_path: json
dataset_kwargs: {data_files: {test: DATA/capitals.jsonl, train: DATA/shots.jsonl}}
output_type: multiple_choice
training_split: train
test_split: test
doc_to_text: "The capital of {{country}} is"
doc_to_choice: "{{cities}}"
doc_to_target: "{{cities.index(city)}}"
metric_list:
  - {metric: acc, aggregation: mean, higher_is_better: true}
  - {metric: acc_norm, aggregation: mean, higher_is_better: true}
  - {metric: f1, aggregation: f1, higher_is_better: true}
""",
    "written": """
task: written
dataset_path: json
dataset_kwargs: {data_files: {test: DATA/capitals.jsonl, train: DATA/shots.jsonl}}
output_type: generate_until
training_split: train
test_split: test
num_fewshot: 2
doc_to_text: "The capital of {{country}} is"
doc_to_target: "{{city}}"
generation_kwargs: {until: [" five", "\\n"], max_gen_toks: 6, do_sample: false}
filter_list:
  - {name: whole, filter: [{function: take_first}]}
  - name: word
    filter: [{function: regex, regex_pattern: "(\\\\w+)"}, {function: take_first}]
metric_list:
  - {metric: exact_match, aggregation: mean, higher_is_better: true, ignore_case: true}
""",
    "ended": """
task: ended
dataset_path: json
dataset_kwargs: {data_files: {test: DATA/capitals.jsonl}}
output_type: loglikelihood
test_split: test
doc_to_text: "The capital of {{country}} is"
doc_to_target: " {{city}}"
metric_list:
  - {metric: perplexity, aggregation: perplexity, higher_is_better: false}
  - {metric: acc, aggregation: mean, higher_is_better: true}
""",
    "read": """
task: read
dataset_path: json
dataset_kwargs: {data_files: {test: DATA/capitals.jsonl}}
output_type: loglikelihood_rolling
test_split: test
doc_to_text: ""
doc_to_target: "{{country}} has {{city}} for its capital."
metric_list:
  - {metric: word_perplexity, aggregation: weighted_perplexity, higher_is_better: false}
  - {metric: bits_per_byte, aggregation: bits_per_byte, higher_is_better: false}
""",
}


@pytest.fixture(scope="session")
def own_tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a task of each of lm-eval's types."""
    folder = tmp_path_factory.mktemp("tasks")
    rows = [("France", "Paris"), ("Spain", "Madrid"), ("Italy", "Rome"), ("Japan", "Tokyo"), ("Peru", "Lima")]
    cities = [city for _, city in rows]
    documents = [
        {"country": country, "city": city, "cities": [cities[(at + 1) % 5], city][:: 1 if at % 2 else -1]}
        for at, (country, city) in enumerate(rows)
    ]
    for name, some in (("capitals", documents[:4]), ("shots", documents)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in some))
    for name, text in TASKS.items():
        (folder / f"{name}.yaml").write_text(text.replace("DATA", str(folder)).lstrip())
    return folder


class Recorder(SpeechTextModel):
    """Notes what it is asked; scores by `rule`, and always writes the same."""

    def __init__(self, rule: Callable[[str, str], Score] | None = None, written: str = "Paris five"):
        self.scored: list[tuple[str, str]] = []
        self.prompts: list[str] = []
        self._rule = rule or (lambda before, after: Score(-float(len(after)), 1))
        self._written = written

    def score(self, prompt: Prompt, continuation: Prompt) -> Score:
        self.scored.append((_text(prompt), _text(continuation)))
        return self._rule(*self.scored[-1])

    def generate(self, prompt: Prompt, output: Any = "any", **options: Any) -> Generation:
        self.prompts.append(_text(prompt))
        return Generation("", [], [0], [Text(self._written)])


def _text(prompt: Prompt) -> str:
    assert isinstance(prompt, Sequence)
    return "".join(part.text for part in prompt)


@pytest.fixture
def recorder() -> type[Recorder]:
    return Recorder


_WORDS = ["the", "capital", "of", "France", "is", "Paris", "What", "anatomy", "Answer", "in", "A.", "B.", "and", "five"]


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama of random weights with its tokenizer, SentencePiece-like with `<s>` before, in Hugging Face format."""
    folder = tmp_path_factory.mktemp("llama")
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    special = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = trainers.BpeTrainer(vocab_size=400, show_progress=False, special_tokens=special)
    pick = random.Random(0)
    tokenizer.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")  # no token of two words, in training
    tokenizer.train_from_iterator([" ".join(pick.choices(_WORDS, k=12)) + "." for _ in range(300)], trainer)
    data = json.loads(tokenizer.to_str())
    data["added_tokens"] = data["added_tokens"][:3]  # bytes are pieces, no added tokens
    data["pre_tokenizer"] = None
    tokenizer = Tokenizer.from_str(json.dumps(data))
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", tokenizer.token_to_id("<s>"))]
    )
    tokenizer.add_tokens([AddedToken(marker, normalized=False) for marker in ("[Text]", "[Speech]")])
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(folder)
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size() + 64 + 32, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=512, bos_token_id=1, eos_token_id=2,
        initializer_range=0.5,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def recipe(llama: Path) -> Callable[[bool], str]:
    """A recipe with that model, with markers before text and speech or without."""

    def text(markers: bool) -> str:
        marked = '    - {markers: ["[Text]", "[Speech]"]}\n' if markers else ""
        rows = LlamaConfig.from_pretrained(llama).vocab_size
        return (
            "tokenizers: {toy: {use: example-tokenizer.v1}}\n"
            "serializer: {use: frame-interleave.v1}\n"
            f"text_tokenizer: {{use: hf-tokenizer.v1, checkpoint: {llama}}}\n"
            "vocabulary:\n"
            "  blocks:\n"
            "    - {text: true}\n"
            f"{marked}"
            '    - {stream: toy.0, format: "[E{}]"}\n'
            '    - {stream: toy.1, format: "[C{}]"}\n'
            f"  pad_to_multiple_of: {rows}\n"
            f"language_model: {{use: llama.v1, checkpoint: {llama}, dtype: float32, device: cpu}}\n"
        )

    return text


@pytest.fixture(scope="session")
def pipelines(
    recipe: Callable[[bool], str], tmp_path_factory: pytest.TempPathFactory
) -> dict[bool, spiritkit.Pipeline]:
    """The model with markers, and without."""
    found = {}
    for markers in (True, False):
        path = tmp_path_factory.mktemp("recipe") / "model.yaml"
        path.write_text(recipe(markers))
        found[markers] = spiritkit.load(path)
    return found
