"""A log that is still being written: its new rows, and what happens in them, as it happens."""
