"""``crash_points``: a handler is killed at each boundary between two effects.

Each life is a forked process with a feed from memory, on no socket. Lives know nothing
of each other: what they did is seen in the effects, and in the store.
"""
