"""lhotse's preparers of published corpora."""

from __future__ import annotations

import gzip
import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lhotse import recipes

from spiritkit.atomic import write_bytes
from spiritkit.checkpoints import require
from spiritkit.data.lines import text_lines
from spiritkit.errors import RequestError, SpiritkitError
from spiritkit.interfaces import Context, Step
from spiritkit.suggest import suggestion

_PREFIX = "prepare_"
#: The parameters by which preparers are told where to write.
_OUTPUT = ("output_dir", "manifest_dir")


class LhotsePrepare(Step):
    """Runs one of lhotse's preparers (`lhotse.recipes.prepare_…`: librispeech, libritts, mls, gigaspeech, voxpopuli,
    ljspeech, commonvoice, …) on a corpus as its publisher packs it, and writes lhotse's manifests, named as lhotse
    names them: `librispeech_recordings_dev-clean.jsonl.gz`, `librispeech_supervisions_dev-clean.jsonl.gz`. Lines are
    sorted by recording, so that they do not depend on the order in which a file system lists its files.

    What lies in the corpus's folder does not decide whether the step is up to date; run it again with `--force` when
    that has changed.

    Args:
        dataset: the name that lhotse has for the corpus.
        audio: the folder of the corpus; it becomes the first of the preparer's parameters that `options` leaves open.
        options: the preparer's other parameters, by name: `{dataset_parts: [train-clean-100], num_jobs: 4}`.

    Raises:
        RequestError: lhotse has no such preparer, or the preparer no such option; an option that it needs is missing.
    """

    sections = ()

    def __init__(self, *, dataset: str, audio: str, options: dict[str, Any] | None = None):
        names = [name.removeprefix(_PREFIX) for name in dir(recipes) if name.startswith(_PREFIX)]
        self._name = dataset.lower().replace("-", "_")
        if self._name not in names:
            hint = suggestion(self._name, names, otherwise=f"; it has {', '.join(names)}")
            raise RequestError(f"dataset: lhotse has no preparer {dataset!r}{hint}")
        self._prepare: Callable[..., Any] = getattr(recipes, _PREFIX + self._name)
        self._audio, self._options = audio, options or {}
        self._folder_key, self._output_key = self._checked()

    def run(self, context: Context) -> None:
        """See `Step.run`."""
        corpus = require(self._audio, f"the folder of the corpus {self._name}")
        if not corpus.is_dir():
            raise RequestError(f"{corpus}: is a file; expected the folder of the corpus {self._name}")
        # lhotse takes a manifest that is there for a whole one, which that of an interrupted try need not be.
        for path in _manifests(context.folder):
            path.unlink()
        try:
            self._prepare(**{self._folder_key: corpus.absolute(), self._output_key: context.folder}, **self._options)
        except Exception as error:  # preparers assert, and raise whatever an unexpected folder leads them to
            reason = str(error).strip() or "it gives no reason"
            raise SpiritkitError(
                f"lhotse's preparer of {self._name} failed on {corpus}: {type(error).__name__}: {reason}"
            ) from error
        paths = _manifests(context.folder)
        total = 0
        for path in context.progress(paths, total=len(paths), unit="manifest"):
            n_lines = _sort(path)
            total += n_lines
            print(f"  {path.relative_to(context.folder)}: {n_lines}")
        if not total:
            raise SpiritkitError(f"lhotse's preparer of {self._name} found nothing in {corpus}")

    def _checked(self) -> tuple[str, str]:
        """The preparer's parameters for the corpus's folder and for the results."""
        accepted = inspect.signature(self._prepare).parameters
        output = next((name for name in _OUTPUT if name in accepted), None)
        open_ = [name for name in accepted if name not in self._options and name != output]
        for name in self._options:
            if name not in accepted or name == output:
                hint = suggestion(name, open_, otherwise=f"; it takes {', '.join(open_)}")
                raise RequestError(f"options: lhotse's preparer of {self._name} takes no {name!r}{hint}")
        if not open_ or output is None:
            raise RequestError(f"options: lhotse's preparer of {self._name} has no parameter left for audio")
        missing = [name for name in open_[1:] if accepted[name].default is inspect.Parameter.empty]
        if missing:
            raise RequestError(
                f"options: lhotse's preparer of {self._name} needs {', '.join(missing)}, beside {open_[0]}, which is "
                "what audio gives"
            )
        return open_[0], output


def _manifests(folder: Path) -> list[Path]:
    return sorted([*folder.rglob("*.jsonl"), *folder.rglob("*.jsonl.gz")])


def _sort(path: Path) -> int:
    """Sort a manifest by recording, and write it without the time of compression; gives the number of lines."""
    lines = []
    for _, line in text_lines(path, "a lhotse manifest"):
        value = json.loads(line)
        lines.append((str(value.get("recording_id", value["id"])), line))
    lines.sort(key=lambda pair: pair[0])
    content = "".join(line for _, line in lines).encode()
    write_bytes(path, gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
    return len(lines)
