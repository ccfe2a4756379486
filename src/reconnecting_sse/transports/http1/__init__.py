"""HTTP/1.1 as bytes: what is sent, and what comes back; no socket, only bytes."""
