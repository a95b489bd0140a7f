"""A recipe, opened: merged, overridden, interpolated, checked and frozen."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from spiritkit.errors import MissingFileError, RecipeError
from spiritkit.pipeline import Parts, Pipeline
from spiritkit.recipe.build import build, missing_files, source
from spiritkit.recipe.check import KEYS, Checked, check
from spiritkit.recipe.interpolate import interpolated, referenced
from spiritkit.recipe.merge import merged, override
from spiritkit.recipe.schema import Spec
from spiritkit.recipe.show import dump
from spiritkit.recipe.tree import UNRESOLVED, Node, Origin, Problem
from spiritkit.registry.recipes import find


@dataclass(frozen=True)
class Recipe:
    """A checked recipe.

    Attributes:
        path: the file it was opened from.
        tree: the merged and resolved values with their origins.
        checked: its components, ready to be built.
    """

    path: Path
    tree: Node
    checked: Checked

    @property
    def name(self) -> str:
        """`name`, by default the file's name without `.yaml`."""
        return str(self.tree.value["name"].value)

    @property
    def seed(self) -> int:
        """`seed`, by default 0."""
        return int(self.tree.value["seed"].value)

    @property
    def output_dir(self) -> Path:
        """`output_dir`, by default `runs/NAME`."""
        return Path(self.tree.value["output_dir"].value).expanduser()

    def to_yaml(self) -> str:
        """The resolved recipe as YAML that opens as the same recipe; variables are left out, as nothing refers to them
        any more.
        """
        plain = {key: value for key, value in self.tree.plain().items() if key in KEYS}
        return dump(plain, width=110)

    def components(self) -> list[Spec]:
        """The specs of the pipeline's parts."""
        return [*self.checked.tokenizers.values(), *self.checked.parts.values()]

    def check_files(self) -> None:
        """See that every file that the pipeline's parts name is there, or will be: what lies in the folder of one of
        the recipe's own steps is made by that step.

        Raises:
            RecipeError: one line for each that is not, then what the recipe's `help` says of the folders they are in.
        """
        made = [self.output_dir / name for name in self.checked.steps]
        missing = [one for spec in self.components() for one in missing_files(spec)]
        problems = [problem for path, problem in missing if not any(map(path.is_relative_to, made))]
        if problems:
            raise RecipeError([*map(str, problems), *self._help_for_paths(" ".join(map(str, problems)))])

    def explain(self, error: MissingFileError) -> str:
        """An error of a missing file, with what the recipe's `help` says of the folder it is in."""
        return "\n".join([str(error), *self._help_for_paths(str(error))])

    def help_for(self, keys: Container[str]) -> list[str]:
        """What the recipe's `help` says of some top-level keys."""
        help = self.tree.value.get("help")
        entries = help.items() if help and isinstance(help.value, dict) else ()
        return [f"{key}: {text.value}" for key, text in entries if key in keys]

    def _help_for_paths(self, message: str) -> list[str]:
        paths = {key: node.value for key, node in self.tree.items() if isinstance(node.value, str)}
        return self.help_for({key for key, path in paths.items() if str(Path(path).expanduser()) in message})

    def pipeline(self) -> Pipeline:
        """The recipe's parts, composed; each is built on first use."""
        parts = {key: partial(build, spec) for key, spec in self.checked.parts.items()}
        vocabulary = self.checked.vocabulary or {}
        return Pipeline(
            Parts(
                tokenizers={key: partial(build, spec) for key, spec in self.checked.tokenizers.items()},
                sources={key: partial(source, spec) for key, spec in self.checked.tokenizers.items()},
                serializer=parts.get("serializer"),
                text_tokenizer=parts.get("text_tokenizer"),
                language_model=parts.get("language_model"),
                vocoder=parts.get("vocoder"),
                blocks=vocabulary.get("blocks"),
                pad_to_multiple_of=vocabulary.get("pad_to_multiple_of", 1),
                bos=vocabulary.get("bos"),
                eos=vocabulary.get("eos"),
                trained_on={
                    key: spec.trained_on for key, spec in self.checked.parts.items() if spec.trained_on is not None
                },
                **self.checked.chunking,
            )
        )


def open_recipe(reference: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Open a recipe by path, name or `package:path`.

    Args:
        reference: e.g. `spiritlm/base`, `my.yaml`, `my_package:recipes/x.yaml`.
        overrides: each `key=value`, the key dotted; applied in order.

    Raises:
        RecipeError: everything that is wrong with it, a line each.
    """
    path = find(str(reference))
    references: set[str] = set()
    raw = _with_defaults(_overridden(path, overrides, references), path, references)
    problems: list[Problem] = []
    tree = interpolated(raw, problems)
    checked = check(tree, references | referenced(raw), problems)
    recipe = Recipe(path, tree, checked)
    if problems:
        unresolved = {key for key, node in tree.items() if node.value is UNRESOLVED}
        raise RecipeError([*map(str, problems), *recipe.help_for(unresolved)])
    return recipe


def _overridden(path: Path, overrides: Sequence[str], references: set[str]) -> Node:
    problems: list[Problem] = []
    tree = override(merged(path, references), overrides, problems)
    if problems:
        raise RecipeError([str(problem) for problem in problems])
    return tree


def _with_defaults(tree: Node, path: Path, references: set[str]) -> Node:
    """The tree with the keys that every recipe has; null drops a section that was inherited, and is a variable's value
    like any other.
    """
    default = Origin("default")
    defaults = {"name": path.stem, "seed": 0, "output_dir": "runs/${name}"}
    given = {key: node for key, node in tree.items() if node.value is not None or key in references - {*defaults}}
    return Node({**{key: Node(value, default) for key, value in defaults.items()}, **given}, tree.origin)
