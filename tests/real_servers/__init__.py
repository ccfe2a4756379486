"""Servers as they are deployed: sse-starlette on uvicorn, and nginx before it."""
