"""Faces to train on, from a folder, RecordIO, a packed file, or a generator."""
