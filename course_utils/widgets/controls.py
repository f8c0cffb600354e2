"""Controls over a figure where somebody can move them, a small row of figures elsewhere."""

from __future__ import annotations

import html
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from course_utils.display import display_bundle, in_notebook, is_watched
from course_utils.plots.display import as_html

Choice = dict[str, Any]


def explore(
    render: Callable[..., Figure], *, alt: str, static: Sequence[Choice], **choices: Sequence[Any]
) -> None:
    """Let the reader choose values and see the figure that belongs to them.

    In a live notebook every name gets a labelled control, reachable by keyboard: a slider for numbers, a list
    otherwise. An error of ``render`` is shown in place of the figure. Where nobody can move a control (a page
    made from the notebook, a test, ``COURSE_STATIC=1``) the combinations in ``static`` are drawn beside each
    other.

    Parameters
    ----------
    render
        Called with one value per name; returns the figure and changes nothing.
    alt
        What the figure shows; the chosen values are added to it.
    static
        A few combinations, each with a value for every name; the first is where the controls start.
    **choices
        The values of each name.

    Raises
    ------
    ValueError
        If a combination leaves a name out, has one too many, or a value that is none of the choices.
    """
    _check_choices(static, choices)
    if is_watched():
        from IPython.display import display

        display(panel(render, alt=alt, start=static[0], choices=choices))
        return
    figures = [
        f'<figure style="margin:0;max-width:48%"><figcaption>{html.escape(_in_words(choice))}</figcaption>'
        f"{_drawn(render, alt, choice)}</figure>"
        for choice in static
    ]
    row = f'<div style="display:flex;flex-wrap:wrap;gap:1em">{"".join(figures)}</div>'
    if in_notebook():
        text = "\n".join(_description(alt, choice) for choice in static)
        display_bundle({"text/html": row, "text/plain": text})


def panel(
    render: Callable[..., Figure], *, alt: str, start: Choice, choices: Mapping[str, Sequence[Any]]
) -> Any:
    """Return the live form of `explore`: a box with one control per name and the figure below them.

    Parameters
    ----------
    render, alt, choices
        See `explore`.
    start
        Where the controls start.

    Returns
    -------
    ipywidgets.VBox
        Its last child is an ``HTML`` widget that holds the figure, or the error of ``render``.
    """
    import ipywidgets

    controls = {name: _control(name, values, start[name]) for name, values in choices.items()}
    # an HTML widget rather than an Output widget: it carries alternative text, and works in every front end
    picture = ipywidgets.HTML()

    def redraw(_change: object = None) -> None:
        choice = {name: control.value for name, control in controls.items()}
        try:
            picture.value = _drawn(render, alt, choice)
        except Exception as error:  # in a callback a kernel would swallow it
            text = "".join(traceback.format_exception(error))
            picture.value = f'<pre role="alert" style="color:#a00000">{html.escape(text)}</pre>'

    for control in controls.values():
        control.observe(redraw, names="value")
    redraw()
    return ipywidgets.VBox([*controls.values(), picture])


def _control(name: str, values: Sequence[Any], start: Any) -> Any:
    import ipywidgets

    numeric = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    kind = ipywidgets.SelectionSlider if numeric and len(values) > 1 else ipywidgets.Dropdown
    return kind(
        options=[(_value_in_words(value), value) for value in values],
        value=start,
        description=_name_in_words(name),
        style={"description_width": "8em"},
        layout={"width": "28em"},
    )


def _check_choices(static: Sequence[Choice], choices: Mapping[str, Sequence[Any]]) -> None:
    if not choices or not static:
        raise ValueError("explore needs at least one name with its values, and one combination in static.")
    for choice in static:
        if choice.keys() != choices.keys():
            raise ValueError(
                f"A combination in static has the names {sorted(choice)}, but the choices are "
                f"{sorted(choices)}."
            )
        for name, value in choice.items():
            if value not in choices[name]:
                raise ValueError(
                    f"A combination in static has {name} = {value!r}, which is none of {list(choices[name])}."
                )


def _drawn(render: Callable[..., Figure], alt: str, choice: Choice) -> str:
    return as_html(render(**choice), alt=_description(alt, choice))


def _description(alt: str, choice: Choice) -> str:
    return f"{alt} ({_in_words(choice)})"


def _in_words(choice: Choice) -> str:
    return ", ".join(f"{_name_in_words(name)} = {_value_in_words(value)}" for name, value in choice.items())


def _name_in_words(name: str) -> str:
    return name.replace("_", " ")


def _value_in_words(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
