"""The command line: one file a verb.

Each verb's module has `HELP` (one line), `arguments(parser)` and `main(options) -> None`, and imports what is heavy
inside `main`, so that `--help` answers at once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from spiritkit import __version__
from spiritkit.errors import MissingFileError, RecipeError, SpiritkitError

VERBS = ("run", "validate", "resolve", "plugins", "list", "show", "copy", "new-plugin", "compare")

_EPILOG = """\
A recipe is a YAML file, given by path or by name (spiritlm/base). key=value changes a value of it:
  spiritkit run spiritlm/base checkpoints=/data/spiritlm steps.continue.output=speech

exit status: 0 done, 1 the work failed, 2 the request was wrong"""


def parser() -> argparse.ArgumentParser:
    """The parser of all verbs."""
    top = argparse.ArgumentParser(
        prog="spiritkit",
        description="Interleaved speech-text language models from parts.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"spiritkit {__version__}")
    verbs = top.add_subparsers(dest="verb", metavar="VERB", required=True)
    for verb in VERBS:
        module = import_module(f"spiritkit.cli.{verb.replace('-', '_')}")
        one = verbs.add_parser(verb, help=module.HELP, description=module.HELP, allow_abbrev=False)
        module.arguments(one)
        one.set_defaults(main=module.main)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    options = _parsed(arguments)
    try:
        options.main(options)
    except SpiritkitError as error:
        print(error if isinstance(error, RecipeError) else f"error: {error}", file=sys.stderr)
        if error.exit_code == 2 and not isinstance(error, MissingFileError):
            _note_broken_plugins()
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted; what is done is kept, and the same command goes on from there", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `spiritkit list | head`
        sys.stderr.close()
        return 0
    except OSError as error:  # a folder that cannot be written, a full disk
        print(f"error: {error.filename or 'a file'}: {error.strerror or error}", file=sys.stderr)
        return 1
    return 0


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse, letting options stand before, between and behind `key=value`: argparse takes those of one row only."""
    top = parser()
    options, rest = top.parse_known_args(arguments)
    if rest and (not hasattr(options, "overrides") or any(text.startswith("-") for text in rest)):
        top.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:
        options.overrides += rest
    return options


def _note_broken_plugins() -> None:
    """A part that is 'not there' may be in a plugin that failed to load."""
    from spiritkit.registry import registry

    try:
        broken = registry().broken
    except SpiritkitError:
        return
    for plugin in broken:
        print(f"note: plugin {plugin.name} failed to load: {plugin.error}", file=sys.stderr)
