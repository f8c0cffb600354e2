"""Folders of submissions for the tests, and what is found in them."""

from course_utils.grading.submissions import find

NOTEBOOK = "01_manual_backprop.ipynb"


def hand_in(root, *paths, content="{}"):
    """Write files (a path that ends with a slash is an empty folder)."""
    for path in paths:
        if path.endswith("/"):
            (root / path).mkdir(parents=True, exist_ok=True)
        else:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(content, encoding="utf-8")
    return root


def look(path, **options):
    """Return what is found there."""
    return find(path, notebook_name=NOTEBOOK, **options)
