"""Logs of any program: the shapes of their lines, and names for the numbers in them."""
