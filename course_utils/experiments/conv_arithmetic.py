"""A8: sizes, parameters and receptive fields of convolutional networks, counted (report 001, part 2).

The report leaves two biases out of its count, takes the number of visual words for the size of their
dictionary, and solves for the padding without the floor that its own formula has: counting says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.experiments.catalogue import Provenance, hash_of
from course_utils.models.cnn import cnn
from course_utils.training.devices import describe_device, one_thread

Layer = tuple[int, int, int]
"""Kernel, stride and padding of a convolution or of a pooling layer, in pixels of its input."""

A9_LAYERS: tuple[Layer, ...] = ((5, 1, 2), (2, 2, 0)) * 3
"""The three convolutions and max poolings of `course_utils.models.cnn.cnn`."""


@dataclass(frozen=True)
class Field:
    """What the outputs of a layer see, along one axis.

    Attributes
    ----------
    outputs
        How many there are.
    jump
        Pixels of the image from one output to the next.
    size
        Pixels that one output sees, those beyond the border included.
    start
        Place of the first output's centre; pixel 0 of the image has its centre at 0.
    """

    outputs: int
    jump: int
    size: int
    start: float

    def pixels(self, output: int) -> tuple[int, int]:
        """Return the first and the last pixel of an output's field; both may lie beyond the border.

        Near the border inner padding may hide some of them: `paths_to` is exact there, too.
        """
        first = self.start + output * self.jump - (self.size - 1) / 2
        return round(first), round(first) + self.size - 1


def run(settings: dict[str, Any], seed: int) -> dict[str, float]:
    """Count parameters, receptive fields and paddings; nothing is random but the network's start.

    Receptive fields are those that a gradient shows, ``receptive_field_1`` to ``_6``, not the recursion's.
    """
    network = cnn(
        generator=torch.Generator().manual_seed(seed),
        classes=settings["classes"],
        widths=settings["widths"],
        hidden=settings["hidden"],
        image_size=settings["image_size"],
    )
    layers = layers_of(network)
    learned = [m for m in network if isinstance(m, nn.Conv2d | nn.Linear)]
    side, images = settings["image_size"], settings["training_images"]
    inputs, maps = 3 * side**2, settings["widths"][0] * side**2
    kernel = layers[0][0]
    paddings = {
        "padding_same": smallest_padding(side, kernel, 1, side),
        "padding_halving": smallest_padding(side, 3, 2, side // 2),
    }
    return {
        **{f"parameters_layer_{i}": _parameters(layer) for i, layer in enumerate(learned, 1)},
        "parameters": _parameters(network),
        "first_layer_weights": learned[0].weight.numel(),
        "first_layer_weights_fully_connected": inputs * maps,
        "training_pixels": images * side**2,
        "training_values": images * inputs,
        "dictionary_numbers": settings["words"] * settings["descriptor_length"],
        "svm_parameters": settings["classes"] * (settings["words"] + 1),
        **{f"receptive_field_{i}": seen_width(layers[:i]) for i in range(1, len(layers) + 1)},
        **{name: float("nan") if padding is None else padding for name, padding in paddings.items()},
    }


def provenance(settings: dict[str, Any], seed: int) -> Provenance:  # noqa: ARG001 (the same for all)
    """Return that no data are used, and the hash of nothing."""
    with one_thread():
        device = describe_device(torch.device("cpu"))
    return Provenance(source="no data: counted", content_hash=hash_of(), device=device)


def output_size(n: int, kernel: int, stride: int, padding: int) -> int:
    """Return how many outputs a layer has along an axis of n pixels: ⌊(n + 2·padding - kernel) / stride⌋ + 1.

    Raises
    ------
    ValueError
        If the kernel is larger than the padded axis.
    """
    room = n + 2 * padding - kernel
    if room < 0:
        raise ValueError(
            f"A kernel of {kernel} does not fit into {n} pixels with padding {padding}: make the kernel "
            "smaller, the padding larger, or stride less before it."
        )
    return room // stride + 1


def smallest_padding(n: int, kernel: int, stride: int, wanted: int) -> int | None:
    """Return the smallest padding below ``kernel`` that gives ``wanted`` outputs; None if none does."""
    for padding in range(kernel):
        if n + 2 * padding >= kernel and output_size(n, kernel, stride, padding) == wanted:
            return padding
    return None


def receptive_fields(layers: Sequence[Layer], n: int) -> list[Field]:
    """Return what the outputs of the input and of each layer see, by the report's recursion (question 7).

    j' = j·stride and r' = r + (kernel - 1)·j, from j = r = 1; the centre of the first output moves by
    ((kernel - 1)/2 - padding)·j.

    Parameters
    ----------
    layers
        From the image on.
    n
        Pixels of the image along the axis.

    Returns
    -------
    list of Field
        One more than layers; the first is the image itself.

    Raises
    ------
    ValueError
        If a kernel does not fit.
    """
    fields = [Field(outputs=n, jump=1, size=1, start=0.0)]
    for kernel, stride, padding in layers:
        before = fields[-1]
        fields.append(
            Field(
                outputs=output_size(before.outputs, kernel, stride, padding),
                jump=before.jump * stride,
                size=before.size + (kernel - 1) * before.jump,
                start=before.start + ((kernel - 1) / 2 - padding) * before.jump,
            )
        )
    return fields


def paths_to(
    layers: Sequence[Layer], *, height: int, width: int, row: int | None = None, column: int | None = None
) -> Tensor:
    """Return from how many ways each pixel reaches one output: exact, as the gradient of that output.

    Every layer becomes a convolution whose weights are all 1, so that no path cancels another and no ReLU or
    maximum blocks one. Pixels with 0 are not seen.

    Parameters
    ----------
    layers
        From the image on.
    height, width
        Of the image, in pixels.
    row, column
        Of the output in the last layer; default: the middle.

    Returns
    -------
    Tensor
        (height, width), float64, whole numbers.

    Raises
    ------
    ValueError
        If a kernel does not fit, or there is no such output.
    """
    rows = receptive_fields(layers, height)[-1].outputs
    columns = receptive_fields(layers, width)[-1].outputs
    row = rows // 2 if row is None else row
    column = columns // 2 if column is None else column
    if not (0 <= row < rows and 0 <= column < columns):
        raise ValueError(f"There is no output ({row}, {column}): the last layer has {rows} x {columns}.")
    image = torch.zeros(1, 1, height, width, dtype=torch.float64, requires_grad=True)
    outputs = image
    for kernel, stride, padding in layers:
        ones = torch.ones(1, 1, kernel, kernel, dtype=torch.float64)
        outputs = F.conv2d(outputs, ones, stride=stride, padding=padding)
    (gradient,) = torch.autograd.grad(outputs[0, 0, row, column], image)
    return gradient[0, 0]


def seen_width(layers: Sequence[Layer]) -> int:
    """Return how many pixels wide the field of an output far from the border is, as the gradient shows it."""
    size = 3 * receptive_fields(layers, 10**6)[-1].size  # room on all sides of the middle output
    return int((paths_to(layers, height=1 + size, width=1 + size).sum(dim=0) > 0).sum())


def layers_of(network: nn.Sequential) -> list[Layer]:
    """Return the kernel, stride and padding of the square convolutions and poolings of a network."""
    return [
        (_side(m.kernel_size), _side(m.stride), _side(m.padding))
        for m in network
        if isinstance(m, nn.Conv2d | nn.MaxPool2d)
    ]


def _side(sizes: Any) -> int:
    return int(sizes if isinstance(sizes, int) else sizes[0])


def _parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
