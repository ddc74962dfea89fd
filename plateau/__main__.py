"""The program ``plateau``, which is ``python -m plateau`` too."""

from plateau.program import run


def main() -> None:
    """Run it."""
    run("plateau.cli")


if __name__ == "__main__":
    main()
