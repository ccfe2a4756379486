"""Content codings, undone as the bytes arrive."""
