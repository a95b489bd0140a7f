"""The whole recipe at once: every fault with its file, line and key, before anything is built."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from spiritkit.errors import SpiritkitError
from spiritkit.recipe.build import build
from spiritkit.recipe.schema import Spec, check_component, check_value
from spiritkit.recipe.tree import UNRESOLVED, Node, Problem, join
from spiritkit.suggest import suggestion
from spiritkit.vocabulary import block_problem, end_problem

#: Sections that hold one component, and its kind.
PARTS = {
    "serializer": "serializer",
    "text_tokenizer": "text_tokenizer",
    "language_model": "language_model",
    "vocoder": "vocoder",
}
#: How recordings are cut and grouped; defaults are the release's (100 s chunks, at least 80 ms).
CHUNKING: dict[str, Any] = {"chunk_seconds": 100.0, "shortest_seconds": 0.08, "batch_seconds": 200.0}
VOCABULARY = ("blocks", "pad_to_multiple_of", "bos", "eos")
_SHORTEST = 0.001  # seconds
KEYS = {
    "name": str,
    "seed": int,
    "output_dir": str,
    "help": dict[str, str],
    "chunking": None,
    "tokenizers": None,
    **dict.fromkeys(PARTS),
    "vocabulary": None,
    "steps": None,
}
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


@dataclass
class Checked:
    """The components of a recipe, checked."""

    tokenizers: dict[str, Spec] = field(default_factory=dict)
    parts: dict[str, Spec] = field(default_factory=dict)
    vocabulary: dict[str, Any] | None = None
    chunking: dict[str, float] = field(default_factory=lambda: dict(CHUNKING))
    steps: dict[str, Spec] = field(default_factory=dict)


def check(tree: Node, references: set[str], problems: list[Problem]) -> Checked:
    """Check an interpolated recipe; faults are added to `problems`.

    Args:
        tree: the recipe.
        references: the top-level keys that some interpolation refers to.
        problems: what is known to be wrong already.
    """
    checked = Checked()
    sections = {key: node for key, node in tree.items() if node.value is not None and node.value is not UNRESOLVED}
    _check_keys(sections, references, problems)
    for key, annotation in KEYS.items():
        if key in sections and annotation is not None:
            check_value(sections[key], annotation, key, problems)
    seed = sections["seed"].value if "seed" in sections else 0
    if isinstance(seed, int) and not 0 <= seed < 1 << 63:
        problems.append(Problem(sections["seed"].origin, "seed", f"is {seed}; expected 0…2^63 - 1"))
    if "output_dir" in sections and sections["output_dir"].value == "":
        problems.append(Problem(sections["output_dir"].origin, "output_dir", "is empty; expected a folder"))
    if "chunking" in sections:
        _check_chunking(sections["chunking"], checked, problems)
    checked.tokenizers = _check_named(sections.get("tokenizers"), "unit_tokenizer", "tokenizers", problems)
    for key, kind in PARTS.items():
        if key in sections:
            spec = check_component(sections[key], kind, key, problems)
            if spec:
                checked.parts[key] = spec
    if "vocabulary" in sections:
        streams = sections["tokenizers"] if "tokenizers" in sections else Node({}, tree.origin)
        checked.vocabulary = _check_vocabulary(sections["vocabulary"], streams, problems)
    checked.steps = _check_named(sections.get("steps"), "step", "steps", problems)
    for spec in checked.steps.values():
        _try_step(spec, problems)
    return checked


def _check_keys(sections: dict[str, Node], referenced: set[str], problems: list[Problem]) -> None:
    """A key of the user's own is a variable: it is one only if something refers to it."""
    for key, node in sections.items():
        if key not in KEYS and key not in referenced:
            hint = suggestion(key, KEYS) or f"; recipe keys are extends, {', '.join(KEYS)}"
            problems.append(
                Problem(node.origin, key, f"neither a recipe key nor a variable that some ${{{key}}} uses{hint}")
            )


def _check_chunking(node: Node, checked: Checked, problems: list[Problem]) -> None:
    values = check_value(node, dict[str, float], "chunking", problems)
    if not isinstance(values, dict):
        return
    for name, child in node.items():
        if name not in CHUNKING:
            takes = f"takes {', '.join(CHUNKING)}{suggestion(name, CHUNKING)}"
            problems.append(Problem(child.origin, join("chunking", name), takes))
        elif isinstance(values[name], float) and values[name] < _SHORTEST:
            expected = f"is {values[name]:g}; expected at least {_SHORTEST:g}"
            problems.append(Problem(child.origin, join("chunking", name), expected))
        elif isinstance(values[name], float):
            checked.chunking[name] = values[name]
    chunk, shortest = checked.chunking["chunk_seconds"], checked.chunking["shortest_seconds"]
    if chunk < shortest:
        problems.append(
            Problem(node.origin, "chunking", f"of {chunk:g} s; expected at least shortest_seconds ({shortest:g})")
        )


def _check_named(node: Node | None, kind: str, key: str, problems: list[Problem]) -> dict[str, Spec]:
    """A mapping of names to components; one that is null is left out (so that a recipe can drop an inherited one)."""
    if node is None:
        return {}
    if not isinstance(node.value, dict):
        problems.append(Problem(node.origin, key, f"is {node.plain()!r}; expected a mapping of names to components"))
        return {}
    specs: dict[str, Spec] = {}
    for name, child in node.items():
        if child.value is None:
            continue
        if not _NAME.fullmatch(name):
            problems.append(Problem(child.origin, join(key, name), "expected a name of letters, digits, '-' and '_'"))
            continue
        spec = check_component(child, kind, join(key, name), problems)
        if spec:
            specs[name] = spec
    return specs


def _check_vocabulary(node: Node, tokenizers: Node, problems: list[Problem]) -> dict[str, Any] | None:
    key = "vocabulary"
    if not isinstance(node.value, dict) or "blocks" not in node.value:
        problems.append(Problem(node.origin, key, "expected {blocks: [block, …], pad_to_multiple_of: 256}"))
        return None
    before = len(problems)
    if any(leaf.value is UNRESOLVED for _, leaf in node.leaves()):
        return None
    blocks = node.value["blocks"].plain()
    for name, child in node.items():
        if name == "pad_to_multiple_of":
            value = check_value(child, int, join(key, name), problems)
            if isinstance(value, int) and value < 1:
                problems.append(Problem(child.origin, join(key, name), f"is {value}; expected 1 or more"))
        elif name in ("bos", "eos"):
            spelling = check_value(child, str | None, join(key, name), problems)
            problem = end_problem(spelling, blocks) if isinstance(spelling, str) and isinstance(blocks, list) else None
            if problem:
                problems.append(Problem(child.origin, join(key, name), problem))
        elif name != "blocks":
            takes = f"takes {', '.join(VOCABULARY)}{suggestion(name, VOCABULARY)}"
            problems.append(Problem(child.origin, join(key, name), takes))
    listed = node.value["blocks"]
    if not isinstance(blocks, list):
        problems.append(Problem(listed.origin, f"{key}.blocks", f"is {blocks!r}; expected a list of blocks"))
        return None
    names = [name for name, child in tokenizers.items() if child.value is not None]
    dropped = {name for name, child in tokenizers.items() if child.value is None}
    kept = []
    for index, block in listed.items():
        at = join(f"{key}.blocks", index)
        problem = block_problem(block.plain())
        if problem:
            problems.append(Problem(block.origin, at, problem))
        elif isinstance(block.value, dict) and "stream" in block.value:
            stream = block.value["stream"]
            tokenizer = str(stream.value).split(".")[0]
            if tokenizer in dropped:  # with its tokenizer an inherited block goes too
                continue
            if tokenizer not in names:
                hint = suggestion(str(stream.value), names) or f"; there are {', '.join(names) or 'none'}"
                problems.append(Problem(stream.origin, f"{at}.stream", f"no tokenizer {stream.value!r}{hint}"))
        kept.append(block.plain())
    return {**node.plain(), "blocks": kept} if len(problems) == before else None


def _try_step(spec: Spec, problems: list[Problem]) -> None:
    """Steps are cheap to make, and their constructors know more than their signatures: let them speak now. One that
    takes a component would load it; that waits until it runs. Span policies load nothing.
    """
    unresolved = any(leaf.value is UNRESOLVED for _, leaf in spec.node.leaves())
    parts = [one for one in spec.nested() if one.component and not one.lazy]
    if unresolved or any(one.component.kind != "span_policy" for one in parts if one.component):
        return
    try:
        build(spec)
    except SpiritkitError as error:
        problems.append(Problem(spec.node.origin, spec.key, str(error)))
    except Exception as error:  # a stranger's constructor may raise anything
        message = f"{spec.node.value['use'].value} refuses its parameters: {type(error).__name__}: {error}"
        problems.append(Problem(spec.node.origin, spec.key, message))
