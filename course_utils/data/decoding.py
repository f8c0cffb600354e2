"""Encoded images (JPEG and PNG files as bytes) into arrays."""

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from course_utils.data.errors import DataError


def decode_images(rows: Sequence[tuple[int, bytes | None]], into: NDArray[np.uint8], where: str) -> None:
    """Decode images into an array, one after another.

    Parameters
    ----------
    rows
        For each image the number of its row (for messages) and its file's bytes.
    into
        (N, C, H, W), is filled; with C = 1 colour images turn grey, with C = 3 grey ones are repeated.
    where
        The file they come from, for messages.

    Raises
    ------
    DataError
        If one does not decode, has another size, or more than 8 bits per value.
    """
    _, channels, height, width = into.shape
    mode = "L" if channels == 1 else "RGB"
    for (row, encoded), place in zip(rows, into, strict=True):
        if not encoded:
            raise DataError(f"{where}: row {row} holds no image. Copy or fetch the file again.")
        try:
            with Image.open(io.BytesIO(encoded), formats=("JPEG", "PNG")) as image:
                if image.size != (width, height) or image.mode.startswith(("I", "F")):
                    raise DataError(
                        f"{where}: the image of row {row} is {image.height}x{image.width} pixels of mode "
                        f"{image.mode}, but {height}x{width} of 8 bits are expected. "
                        "Put the right file there and try again."
                    )
                pixels = np.asarray(image if image.mode == mode else image.convert(mode))
        except DataError:
            raise
        except Exception as error:  # Pillow's readers raise OSError, SyntaxError, ValueError, zlib.error, ...
            raise DataError(
                f"{where}: the image of row {row} does not decode ({error}). Copy or fetch the file again."
            ) from error
        place[...] = pixels if channels == 1 else pixels.transpose(2, 0, 1)  # (H, W, C) -> (C, H, W)
