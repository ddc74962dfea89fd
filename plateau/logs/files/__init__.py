"""From a path to the lines of a text."""
