"""Sockets: one driver blocks its thread, the other is woken by its event loop.

Both only carry bytes, keep times and let go; what bytes mean is decided elsewhere.
"""
