"""Logs that are read in parts, since they are too large for the memory."""
