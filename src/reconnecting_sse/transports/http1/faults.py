"""What is wrong with an answer, as a value and as an error."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """Why the answer cannot be read on.

    Attributes:
        message: What is malformed. It quotes no byte of the server's but a field's
            name: a server may echo what was secret in our request.
        is_tls: Whether the answer is TLS instead of HTTP.
    """

    message: str
    is_tls: bool = False


class MalformedError(Exception):
    """An answer is none, as the cause of what is raised for it.

    Another attempt will most likely meet the same.
    """

    def __init__(self, message: str, *, is_tls: bool = False) -> None:
        super().__init__(message)
        self.fault: Fault = Fault(message, is_tls)
