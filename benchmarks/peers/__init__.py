"""What each Python client does where streams go wrong, measured (``make peers``)."""
