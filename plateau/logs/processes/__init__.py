"""Other Python processes that read for this one, and what they may take of the machine."""
