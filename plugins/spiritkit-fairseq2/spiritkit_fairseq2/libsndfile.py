"""fairseq2 loads the system's libsndfile; where there is none, the one inside soundfile's wheel does."""

from __future__ import annotations

import ctypes
import sys
from importlib.util import find_spec
from pathlib import Path

_SYSTEM = "libsndfile.so.1"


def provide_libsndfile() -> None:
    """Make the dynamic linker find libsndfile by its name, as fairseq2 looks for it. To be called before fairseq2 is
    imported; does nothing where the name is found already, or where soundfile has no library of its own.
    """
    if sys.platform != "linux":  # elsewhere a loaded library is not found again by its name alone
        return
    try:
        ctypes.CDLL(_SYSTEM)
    except OSError:
        for library in _bundled():
            # The linker knows a loaded library by the name inside it, which is that of the system's.
            ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)


def _bundled() -> list[Path]:
    data = find_spec("_soundfile_data")
    if data is None or not data.submodule_search_locations:
        return []
    return sorted(Path(data.submodule_search_locations[0]).glob("libsndfile*.so"))
