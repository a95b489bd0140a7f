"""Where and in which number format a part computes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from spiritkit.errors import RequestError

if TYPE_CHECKING:
    import torch

DTypeName = Literal["float32", "bfloat16", "float16"]


def device(name: str) -> torch.device:
    """The device that `name` means: `auto` is the first of CUDA, MPS, CPU that there is; else as PyTorch spells it.

    Raises:
        RequestError: no such device.
    """
    import torch

    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        chosen = torch.device(name)
    except RuntimeError as error:
        raise RequestError(f"device {name!r}; expected auto, cpu, cuda, cuda:0, mps, …") from error
    if chosen.type == "cuda" and not torch.cuda.is_available():
        raise RequestError(f"device {name!r}: PyTorch sees no CUDA device here; 'auto' takes what there is")
    return chosen


def dtype(name: DTypeName) -> torch.dtype:
    """The PyTorch type of that name."""
    import torch

    return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[name]
