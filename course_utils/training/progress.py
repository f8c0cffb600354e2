"""A bar that says how far training is, how good, and how long it will still take."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from course_utils.display import is_watched
from course_utils.training.state import Training


@contextmanager
def progress_bar(training: Training, *, wanted: bool | None) -> Iterator[Callable[[Training], None]]:
    """Yield a callback that moves the bar; ``wanted=None`` shows one only where somebody watches."""
    if not (is_watched() if wanted is None else wanted):
        yield lambda _training: None
        return
    from tqdm.auto import tqdm

    with tqdm(total=training.epochs * training.steps, unit="step", leave=False) as bar:

        def move(training: Training) -> None:
            taken = training.epoch * training.steps + training.step
            if bar.n == 0:  # the steps before a checkpoint have taken no time here
                bar.initial = bar.n = bar.last_print_n = taken - 1
            bar.update(taken - bar.n)
            if training.step == 0 and training.history.epochs:
                train, test = training.history.train_accuracy[-1], training.history.test_accuracy[-1]
                on_test = "" if math.isnan(test) else f", {test:.3f} (test)"
                bar.set_postfix_str(
                    f"epoch {training.epoch} of {training.epochs}, accuracy {train:.3f} (training){on_test}"
                )

        yield move
