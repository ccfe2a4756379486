"""The core's loop, driven: the calls that it asks for, made on either face.

May know the core, the transports and the exchange.
"""
