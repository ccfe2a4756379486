"""How a request gets to its origin: routes, proxies, TLS."""
