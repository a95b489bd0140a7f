"""Figures as Markdown tables whose columns are aligned, so that a console shows them well too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from spiritkit.evaluation.estimate import Difference, Estimate
from spiritkit.interfaces import Metric

_COLUMNS = 6  # of figures side by side; more go into a table below
NOTHING = "–"


def score_table(
    metrics: Sequence[Metric],
    rows: Iterable[tuple[str, Sequence[str]]],
    published: Mapping[str, Mapping[str, float]],
) -> str:
    """Rows of cells, one for each metric, then the published figures of those metrics."""
    ours = list(rows)
    tables = []
    for start in range(0, len(metrics), _COLUMNS):
        shown = metrics[start : start + _COLUMNS]
        header = ["", *(heading(metric) for metric in shown)]
        body = [[name, *cells[start : start + _COLUMNS]] for name, cells in ours]
        for system, figures in published.items():
            if any(metric.name in figures for metric in shown):
                body.append([f"{system} (published)", *(_published(figures, metric) for metric in shown)])
        tables.append("\n".join(_markdown(header, body)))
    return "\n\n".join(tables)


def heading(metric: Metric) -> str:
    """A metric's name, with its unit and which way is better."""
    arrow = {True: " ↑", False: " ↓", None: ""}[metric.higher_is_better]
    return f"{metric.name}{f' ({metric.unit})' if metric.unit else ''}{arrow}"


def cell(estimate: Estimate | None) -> str:
    """A figure with its interval, if it has one."""
    if estimate is None or estimate.value is None:
        return NOTHING
    digits = estimate.metric.digits
    if estimate.low is None:
        return f"{estimate.value:.{digits}f}"
    return f"{estimate.value:.{digits}f} [{estimate.low:.{digits}f}, {estimate.high:.{digits}f}]"


def difference_cell(difference: Difference | None, metric: Metric) -> str:
    """A difference with its sign and interval."""
    if difference is None:
        return NOTHING
    digits = metric.digits
    return f"{difference.value:+.{digits}f} [{difference.low:+.{digits}f}, {difference.high:+.{digits}f}]"


def _published(figures: Mapping[str, float], metric: Metric) -> str:
    return f"{figures[metric.name]:.{metric.digits}f}" if metric.name in figures else NOTHING


def _markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(3, *(len(row[column]) for row in [header, *rows])) for column in range(len(header))]
    for number, row in enumerate([header, *rows]):
        cells = [
            text.ljust(width) if column == 0 else text.rjust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield f"| {' | '.join(cells)} |"
        if number == 0:
            rules = ["-" * width if column == 0 else "-" * (width - 1) + ":" for column, width in enumerate(widths)]
            yield f"| {' | '.join(rules)} |"
