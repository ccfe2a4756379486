"""From a request to a live response, by way of auth, redirects and cookies.

May know the core and the transports; the one place that reads an httpxr client.
"""
