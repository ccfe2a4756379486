"""How a request gets to its origin: addresses, proxies, TLS; no socket, only steps."""
