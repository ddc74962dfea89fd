"""``python -m plateau``."""

from plateau.cli import main

if __name__ == "__main__":
    main()
