"""The commands of the command line, one a file, and what they share.

What a command needs is imported when it runs: ``plateau --help`` should not wait for numba.
"""
