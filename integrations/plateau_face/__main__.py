"""The program ``plateau-face``, which is ``python -m plateau_face`` too."""

from plateau.program import run


def main() -> None:
    """Run it."""
    run("plateau_face.cli")


if __name__ == "__main__":
    main()
