"""The command `course`."""


def main() -> int:
    """Run the command line."""
    return 0
