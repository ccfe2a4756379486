"""Each recipe against a server that behaves as the real one does, and fails as it does.

The first connection of every stream is cut, so that going on is really tried.
"""
