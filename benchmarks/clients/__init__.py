"""One module for each library: its usual way to read a stream, on each face it has.

Every module offers ``reading(url, authority)``, ``areading(url, authority)``, or both:
context managers that give the iterable over which a user would loop. ``authority`` is
the certificate file to trust, or None.
"""
