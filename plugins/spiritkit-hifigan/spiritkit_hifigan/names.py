"""Speakers and styles by index or name."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spiritkit.errors import RequestError

_SHOWN = 8


class Names:
    """The rows of one embedding table that a user picks from.

    Args:
        what: "speaker" or "style", for messages.
        count: rows; 0 where the vocoder has no such table.
        path: one name a line, by index; the file may be missing, then there are indices only.
    """

    def __init__(self, what: str, count: int, path: Path) -> None:
        self._what, self._count = what, count
        self._names = path.read_text(encoding="utf-8", errors="replace").splitlines()[:count] if path.exists() else []

    def index(self, wanted: int | str) -> int:
        """The row of an index or a name.

        Raises:
            RequestError: there is none; the message lists those there are.
        """
        if isinstance(wanted, str) and wanted in self._names:
            return self._names.index(wanted)
        if isinstance(wanted, int | np.integer) and not isinstance(wanted, bool) and 0 <= wanted < self._count:
            return int(wanted)
        raise RequestError(f"no {self._what} {wanted!r}; {self._known()}")

    def _known(self) -> str:
        if not self._count:
            return f"this vocoder has no {self._what}s to choose from"
        known = f"there are 0…{self._count - 1}"
        if not self._names:
            return f"{known}, without names"
        more = ", …" if len(self._names) > _SHOWN else ""
        return f"{known}: {', '.join(self._names[:_SHOWN])}{more}"
