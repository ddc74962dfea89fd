"""The same training under several schedules and budgets, run by run, and what came of it."""
