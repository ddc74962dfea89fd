"""``python -m plateau_face`` is ``plateau-face``."""

from plateau_face.cli import main

main()
