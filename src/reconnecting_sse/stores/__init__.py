"""Stores: where positions outlive the process. They know claims, and no stream."""
