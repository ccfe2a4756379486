"""The core's loop, driven: the calls that it asks for, made on either face."""
