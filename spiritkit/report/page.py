"""Sections → one HTML page that holds all it needs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from spiritkit.report.sections import Record, Section

_TEMPLATES = Path(__file__).parent / "templates"
#: Control characters, which a page must not have and an eye would miss, as their pictures.
_PICTURES = {code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\t\n"} | {0x7F: "\u2421"}


def page(title: str, shown: Sequence[Section], run: Record) -> str:
    """The page. All text is escaped, whatever it looks like."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["visible"] = visible
    files = {name: (_TEMPLATES / name).read_text(encoding="utf-8") for name in ("style.css", "script.js")}
    return environment.get_template("page.html.jinja").render(
        title=title, sections=shown, run=run, style=files["style.css"], script=files["script.js"]
    )


def visible(text: str) -> str:
    """Text whose control characters can be seen."""
    return text.translate(_PICTURES)
