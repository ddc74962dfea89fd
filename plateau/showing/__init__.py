"""Results for people: words, tables and charts for a terminal, pictures, and the report.

Nothing here decides anything. What programs read is in `plateau.export`.
"""
