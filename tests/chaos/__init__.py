"""A numbered feed behind a proxy that breaks connections, by a seed.

The feed and the proxy run in a process of their own, so that a consumer is measured
by its own faults only. ``python -m tests.chaos`` is the long version of
``tests/project/test_chaos.py``.
"""
