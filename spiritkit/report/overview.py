"""What a page shows, in short, for the console."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from spiritkit.report.sections import Continued, Piece, Section

_WIDTH = 40  # of a prompt and of a continuation
_HEADINGS = ("step", "prompt", "continuation", "tokens", "seconds")


def overview(shown: Iterable[Section]) -> str:
    """A row for each prompt: how many tokens the model wrote, and how long it took from the prompt to the sound; "" if
    there are none.
    """
    rows = [_row(section, one) for section in shown for one in section.continued]
    if not rows:
        return ""
    widths = [max(len(cell) for cell in column) for column in zip(_HEADINGS, *rows, strict=True)]
    lines = [_line(_HEADINGS, widths), "  ".join("─" * width for width in widths)]
    return "\n".join([*lines, *(_line(row, widths) for row in rows)])


def _row(section: Section, one: Continued) -> tuple[str, ...]:
    seconds = sum(one.speed.seconds.values())
    return (
        section.name,
        _said(one.prompt),
        _said(one.continuation),
        str(one.speed.new_tokens),
        f"{seconds:.1f}" if one.speed.seconds else "–",
    )


def _said(pieces: Sequence[Piece]) -> str:
    said = " ".join(" ".join(map(_piece, pieces)).split()) or "(nothing)"
    return said if len(said) <= _WIDTH else f"{said[: _WIDTH - 2].rstrip()} …"


def _piece(piece: Piece) -> str:
    if piece.marker is not None:
        return f"<{piece.marker}>"
    if piece.text is not None:
        return piece.text
    seconds = piece.shown.picture.total if piece.shown and piece.shown.picture else 0.0
    return f"‹speech, {seconds:.1f} s›"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    aligned = [cell.ljust(width) for cell, width in zip(cells[:-2], widths, strict=False)]
    return "  ".join([*aligned, *(cell.rjust(width) for cell, width in zip(cells[-2:], widths[-2:], strict=True))])
