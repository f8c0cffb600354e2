"""With how many bits a network computes: 16 where that is faster, 32 otherwise."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch
from torch import Tensor

Precision = Literal["auto", "float32", "bfloat16", "float16"]
Computed = Literal["float32", "bfloat16", "float16"]


def choose_precision(wanted: Precision, device: torch.device, example: Tensor) -> Computed:
    """Return the precision to compute with.

    ``"auto"`` is 16 bits for images on a device that multiplies 16-bit numbers faster: bfloat16 on a CPU
    with such instructions and on recent GPUs, float16 on older GPUs. Everything else, and every input that
    is not an image, is computed as it is stored. `benchmarks/bench_loop.py` measures what it gains.

    Parameters
    ----------
    wanted
        What the caller asks for.
    device
        Where the model is.
    example
        Some inputs; images have four dimensions.

    Raises
    ------
    ValueError
        If there is no such precision.
    """
    if wanted in ("float32", "bfloat16", "float16"):
        return wanted
    if wanted != "auto":
        raise ValueError(f"precision is {wanted!r}, but it must be auto, float32, bfloat16 or float16.")
    if example.ndim != 4 or example.dtype == torch.float64:
        return "float32"
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float16"
    return "bfloat16" if device.type == "cpu" and _cpu_multiplies_bfloat16() else "float32"


def computing_in(precision: Computed, device: torch.device) -> AbstractContextManager[object]:
    """Return the context in which a model's forward pass runs: autocast for 16 bits, nothing for 32."""
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=getattr(torch, precision))


def _cpu_multiplies_bfloat16() -> bool:
    # absent before torch 2.7 or so: then 32 bits, slower but never wrong
    capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
