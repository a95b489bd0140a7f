"""`spiritkit new-plugin`."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import NamedTuple

HELP = "write a plugin with a working part to start from"

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_PREFIX = "spiritkit-"
_TEMPLATES = Path(__file__).parent / "templates"


class _Start(NamedTuple):
    """What the part that is written is like.

    Attributes:
        summary: the line of `spiritkit list`.
        usage: how a recipe takes it, `{}` being its name.
        torch: whether it imports PyTorch.
    """

    summary: str
    usage: str
    torch: bool = False


_STARTS = {
    "unit_tokenizer": _Start("loudness of 40 ms frames", "tokenizers: {units: {use: {}}}"),
    "quantizer": _Start("signs of features", "tokenizers: {hubert: {quantizer: {use: {}}}}", torch=True),
    "f0_extractor": _Start("autocorrelation; 100 Hz", "tokenizers: {pitch: {f0: {use: {}}}}"),
    "serializer": _Start("one stream after the other", "serializer: {use: {}}"),
    "text_tokenizer": _Start("bytes of UTF-8", "text_tokenizer: {use: {}}"),
    "language_model": _Start("a bigram model", "language_model: {use: {}}", torch=True),
    "vocoder": _Start("a tone for each code", "vocoder: {use: {}}"),
    "corpus": _Start("numbers told in tones", "steps: {prepare: {use: prepare.v1, corpus: {use: {}}}}"),
    "aligner": _Start("words by their letters", "steps: {prepare: {aligner: {use: {}}}}"),
    "span_policy": _Start(
        "text, then speech", "steps: {train: {data: {spoken: {shards: [folder], policy: {use: {}}}}}}"
    ),
    "recognizer": _Start("tones as words", "steps: {continue: {model: {use: cascade.v1, recognizer: {use: {}}}}}"),
    "synthesizer": _Start(
        "a tone for each letter", "steps: {continue: {model: {use: cascade.v1, synthesizer: {use: {}}}}}"
    ),
    "classifier": _Start("loud or soft", "classifier: {use: {}}"),
    "speech_text_model": _Start("words and tones at random", "steps: {continue: {use: generate.v1, model: {use: {}}}}"),
    "task": _Start(
        "sentences against their words backwards", "steps: {score: {use: evaluate.v1, tasks: {backwards: {use: {}}}}}"
    ),
    "panel": _Start("loudness over time", "steps: {report: {use: report.v1, panels: {loudness: {use: {}}}}}"),
    "step": _Start("peaks of audio files", "steps: {peaks: {use: {}, audio: [clips]}}"),
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("name", metavar="NAME", help="of the distribution, e.g. spiritkit-energy")
    parser.add_argument(
        "--kind", metavar="KIND", default="unit_tokenizer", help=f"{', '.join(_STARTS)}; default: unit_tokenizer"
    )
    parser.add_argument("--into", metavar="FOLDER", default=".", help="where to write the folder NAME; default: here")


def main(options: argparse.Namespace) -> None:
    """Run the verb."""
    import shutil
    import tempfile

    from spiritkit.errors import RequestError

    target = Path(options.into).expanduser() / options.name
    values = _values(options.name, options.kind)
    if target.exists():
        raise RequestError(f"{target} exists; give another name, or another folder with --into")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{options.name}."))
        try:
            _write(temporary, options.kind, values)
            temporary.chmod(0o755)
            temporary.rename(target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise RequestError(f"{target} cannot be written: {error}") from error
    print(
        f"wrote {target}; next:\n"
        f"  pip install --editable '{target}[test]'\n"
        f"  pytest {target}\n"
        f"  spiritkit show {values['component']}"
    )


def _values(name: str, kind: str) -> dict[str, str]:
    """What the templates are filled with.

    Raises:
        RequestError: no such kind; a name that cannot be a distribution's and a package's, or that is taken.
    """
    import sys
    from importlib.util import find_spec
    from keyword import iskeyword

    from spiritkit.errors import RequestError
    from spiritkit.interfaces import INTERFACES
    from spiritkit.registry import registry
    from spiritkit.suggest import suggestion

    if kind not in _STARTS:
        hint = suggestion(kind, _STARTS) or f"; there are {', '.join(_STARTS)}"
        raise RequestError(f"no kind {kind!r}{hint}")
    short = name.removeprefix(_PREFIX)
    package = name.replace("-", "_")
    if not (_NAME.fullmatch(name) and _NAME.fullmatch(short)) or iskeyword(package):
        raise RequestError(f"name {name!r}; expected lower-case words joined by '-', e.g. 'spiritkit-energy'")
    found = find_spec(package)
    if package in sys.stdlib_module_names or (found and found.origin):  # a mere folder has no origin
        raise RequestError(f"name {name!r}: a package {package} is there already; give another name")
    component = f"{short}.v1"
    if component in [other.name for other in registry().components(kind)]:
        raise RequestError(f"name {name!r}: there is a {kind} {component!r} already; give another name")
    interface = INTERFACES[kind].__name__
    words = "".join(word.capitalize() for word in short.split("-"))
    start = _STARTS[kind]
    requirements = ["spiritkit", "numpy>=1.26"] if kind != "text_tokenizer" else ["spiritkit"]
    return {
        "name": name,
        "short": short,
        "package": package,
        "component": component,
        "kind": kind,
        "interface": interface,
        "class_name": words if words.endswith(interface) and words != interface else words + interface,
        "summary": start.summary,
        "usage": f"In a recipe: `{start.usage.replace('{}', component)}`.",
        "requirements": ", ".join(f'"{one}"' for one in [*requirements, *(["torch>=2.9"] if start.torch else [])]),
    }


def _write(folder: Path, kind: str, values: dict[str, str]) -> None:
    from string import Template

    package = folder / values["package"]
    test = _TEMPLATES / f"test_contract_{kind}.py.template"
    files = {
        folder / "pyproject.toml": "pyproject.toml",
        folder / "README.md": "README.md",
        package / "plugin.py": "plugin.py",
        package / f"{kind}.py": f"{kind}.py",
        folder / "tests" / f"test_{values['package']}_contract.py": (
            f"test_contract_{kind}.py" if test.exists() else "test_contract.py"
        ),
    }
    for path, template in files.items():
        path.parent.mkdir(exist_ok=True)
        text = (_TEMPLATES / f"{template}.template").read_text(encoding="utf-8")
        path.write_text(Template(text).substitute(values), encoding="utf-8")
    (package / "__init__.py").write_text(f'"""A {kind} for spiritkit."""\n', encoding="utf-8")
    (package / "py.typed").touch()
