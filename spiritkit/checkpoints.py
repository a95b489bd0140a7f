"""Reading weights: found or explained, never executed, and checked tensor by tensor."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spiritkit.errors import CheckpointError, MissingFileError

if TYPE_CHECKING:
    import torch

#: Copies of the same weights for other frameworks, which hub models carry beside PyTorch's.
_NOT_WEIGHTS = ("original/*", "*.h5", "*.msgpack", "*.onnx", "*.gguf", "*.ckpt.*")
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def require(path: Path | str, wanted: str) -> Path:
    """`path` if it exists.

    Raises:
        MissingFileError: it does not; `wanted` says what should be there.
    """
    path = Path(path).expanduser()
    try:
        if path.exists():
            return path
    except OSError as error:  # a name that is too long
        raise MissingFileError(path, f"{wanted} ({error.strerror})") from error
    raise MissingFileError(path, wanted)


def is_hub_name(checkpoint: Path | str) -> bool:
    """Whether this is spelled like a model of the Hugging Face hub: `organisation/model`."""
    return _HUB_NAME.fullmatch(str(checkpoint)) is not None


def resolve(checkpoint: Path | str, wanted: str, files: Sequence[str] | None = None) -> Path:
    """A local path for a path or a Hugging Face hub name (`organisation/model`, fetched on first use).

    Args:
        checkpoint: the path or name.
        wanted: what should be there, for the message.
        files: patterns of the files that are fetched from the hub; None for all.

    Raises:
        MissingFileError: neither a local path nor a model that the hub can give.
    """
    path = Path(checkpoint).expanduser()
    if path.exists() or not is_hub_name(checkpoint):
        return require(path, wanted)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        patterns = None if files is None else list(files)
        return Path(snapshot_download(str(checkpoint), allow_patterns=patterns, ignore_patterns=list(_NOT_WEIGHTS)))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise MissingFileError(path, f"{wanted}; the hub did not give {str(checkpoint)!r} either: {reason}") from error


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file.

    Raises:
        MissingFileError, CheckpointError: no such file; not a JSON object.
    """
    try:
        value = json.loads(require(path, "a JSON file").read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise CheckpointError(path, f"not JSON: {error}") from error
    if not isinstance(value, dict):
        raise CheckpointError(path, f"holds a {type(value).__name__}; expected a JSON object")
    return value


def read_tensors(path: Path, wanted: str) -> dict[str, Any]:
    """What a `.safetensors`, or a `.pt`/`.bin` file written by `torch.save`, holds. No code in it is ever run.

    Raises:
        MissingFileError, CheckpointError: no such file; unreadable, or pickled code.
    """
    path = require(path, wanted)
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(path)
        except (SafetensorError, OSError) as error:
            raise CheckpointError(path, f"not a readable safetensors file: {error}") from error
    import torch

    try:
        value = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load raises whatever the broken bytes lead it to
        reason = str(error).split("\n")[0].split(" (1)")[0]
        raise CheckpointError(
            path, f"not a file of plain tensors, or it carries code, which is never run ({reason})"
        ) from error
    if not isinstance(value, dict):
        raise CheckpointError(path, f"holds a {type(value).__name__}; expected a dictionary of tensors")
    return value


def entry(checkpoint: Mapping[str, Any], key: str, path: Path) -> Any:
    """One entry of a checkpoint's dictionary.

    Raises:
        CheckpointError: it is not there.
    """
    if key not in checkpoint:
        raise CheckpointError(path, f"has no entry {key!r}; it has {', '.join(map(repr, list(checkpoint)[:8]))}")
    return checkpoint[key]


def section(checkpoint: Mapping[str, Any], key: str, path: Path) -> dict[str, Any]:
    """One entry of a checkpoint's dictionary that is a dictionary itself.

    Raises:
        CheckpointError: it is not there, or something else.
    """
    value = entry(checkpoint, key, path)
    if not isinstance(value, dict):
        raise CheckpointError(path, f"{key} is a {type(value).__name__}; expected a dictionary")
    return value


def positive(config: Mapping[str, Any], key: str, path: Path, within: str = "") -> int:
    """One entry that is a whole number above 0; `within` is put before the key in messages.

    Raises:
        CheckpointError: it is not there, or something else.
    """
    value = entry(config, key, path)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise CheckpointError(path, f"{within}{key} is {value!r}; expected a positive whole number")
    return value


def load_weights(module: torch.nn.Module, tensors: Mapping[str, torch.Tensor], path: Path) -> None:
    """Put tensors into a module; every one must be there, of the right shape, and none left over.

    Raises:
        CheckpointError: names the first few tensors that are missing, unknown or of another shape.
    """
    wanted = module.state_dict()
    problems = [f"no tensor {name!r}" for name in wanted if name not in tensors]
    for name, tensor in tensors.items():
        if not hasattr(tensor, "shape"):
            problems.append(f"{name!r} is a {type(tensor).__name__}; expected a tensor")
        elif name not in wanted:
            problems.append(f"unknown tensor {name!r}")
        elif tensor.shape != wanted[name].shape:
            problems.append(f"{name!r} is {list(tensor.shape)}; expected {list(wanted[name].shape)}")
    if problems:
        more = f" (and {len(problems) - 5} more)" if len(problems) > 5 else ""
        raise CheckpointError(path, "; ".join(problems[:5]) + more)
    module.load_state_dict(dict(tensors))
