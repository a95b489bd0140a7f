"""Pages that are made from the code when the site is built, so that they cannot drift from it.

`<!-- cli -->` becomes the help of every verb, `<!-- components -->` every component with its parameters,
`<!-- recipe keys -->` the keys a recipe may have.
"""

import argparse
import inspect
import os
from typing import Any

from spiritkit.cli import parser
from spiritkit.interfaces import INTERFACES
from spiritkit.recipe.check import CHUNKING, KEYS
from spiritkit.recipe.schema import Parameter, parameters, type_name
from spiritkit.registry import registry


def cli() -> str:
    """The help text of every verb."""
    os.environ["COLUMNS"] = "100"
    top = parser()
    verbs = next(action for action in top._actions if isinstance(action, argparse._SubParsersAction))
    sections = [f"```text\n{top.format_help()}```"]
    sections += [f"## {name}\n\n```text\n{verb.format_help()}```" for name, verb in verbs.choices.items()]
    return "\n\n".join(sections)


def components() -> str:
    """Every component of the plugins that are installed, by kind."""
    sections = []
    for kind, interface in INTERFACES.items():
        found = registry().components(kind)
        if found:
            sections.append(f"## {kind}\n\nInterface: `{interface.__name__}`.")
        for component in found:
            target = component.load()
            plugin = registry().plugin_of(component)
            text = inspect.cleandoc(target.__doc__ or component.summary)
            rows = [_row(one) for one in parameters(target)]
            table = "\n".join(["| parameter | type | default |", "|---|---|---|", *rows]) if rows else "No parameters."
            sections.append(f"### {component.name}\n\nFrom `{plugin.name}`.\n\n{_prose(text)}\n\n{table}")
    return "\n\n".join(sections)


def _row(one: Parameter) -> str:
    default = "required" if one.required else f"`{one.default!r}`"
    return f"| `{one.name}` | {type_name(one.annotation)} | {default} |"


def _prose(text: str) -> str:
    """A Google-style docstring as Markdown: its sections become lists."""
    lines = []
    inside = False
    for line in text.splitlines():
        if line in ("Args:", "Raises:", "Returns:", "Attributes:"):
            lines += ["", f"**{line[:-1]}**", ""]
            inside = True
        elif inside and line.startswith("    ") and not line.startswith("     "):
            name, _, rest = line.strip().partition(": ")
            lines.append(f"- `{name}`: {rest}")
        elif inside and line.startswith("     "):
            lines.append(f"  {line.strip()}")
        else:
            inside = inside and not line.strip()
            lines.append(line)
    return "\n".join(lines)


def recipe_keys() -> str:
    """The top-level keys of a recipe, and those of its section `chunking`."""
    keys = ", ".join(f"`{key}`" for key in ["extends", *KEYS])
    chunking = ", ".join(f"`{key}` ({value:g})" for key, value in CHUNKING.items())
    return f"Top-level keys: {keys}. Keys of `chunking`, with their defaults: {chunking}."


MARKS = {"<!-- cli -->": cli, "<!-- components -->": components, "<!-- recipe keys -->": recipe_keys}


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill the marks in."""
    for mark, make in MARKS.items():
        if mark in markdown:
            markdown = markdown.replace(mark, make())
    return markdown
