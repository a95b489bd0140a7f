"""`spiritkit compare`."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "put the evaluations of several runs side by side, as Markdown tables"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("runs", metavar="RUN", nargs="+", type=Path, help="the folder of a run that has evaluated")


def main(options: argparse.Namespace) -> None:
    """Run the verb."""
    from spiritkit.evaluation.compare import compare, find_evaluations

    print(compare(find_evaluations(options.runs)), end="")
