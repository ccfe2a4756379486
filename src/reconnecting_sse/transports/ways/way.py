"""Everything between a standing connection and the origin, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconnecting_sse.transports.troubles import Trouble
from reconnecting_sse.transports.ways.layers import Layers
from reconnecting_sse.transports.ways.tls import TLSLayer
from reconnecting_sse.transports.ways.tunnel import opened

if TYPE_CHECKING:
    import ssl

    from reconnecting_sse.transports.ways.route import Route
    from reconnecting_sse.transports.ways.steps import Steps
    from reconnecting_sse.transports.ways.trust import Contexts


class Way:
    """One connection's way along a route.

    Attributes:
        hop: What is being connected to, or was, as messages name it.
        layers: What the origin's bytes go through, as far as the way is open.
        late: What it means if the time is up now.
    """

    __slots__ = ("_contexts", "_route", "hop", "late", "layers")

    def __init__(self, route: Route, contexts: Contexts) -> None:
        self.hop: str = route.first_hop
        self.layers: Layers = Layers()
        self.late: Trouble = Trouble.CONNECT_TIMEOUT
        self._route = route
        self._contexts = contexts

    def opened(self, target: str) -> Steps[None]:
        """The steps from the connection to ``target``, a name or an address.

        Raises:
            httpxr.ProxyError: The proxy opens no way.
            ssl.SSLError: A handshake failed.
            ValueError: TLS does not take the name of a hop.
        """
        route = self._route
        if self._contexts.proxy is not None:
            yield from self._secured(self._contexts.proxy, route.address[0])
        if route.is_tunnelled:
            self.hop, self.late = route.tunnel, Trouble.TUNNEL_TIMEOUT
            yield from self.layers.through(opened(route, target))
        self.hop = route.where
        if self._contexts.origin is not None:
            name = route.server_hostname or route.host
            yield from self._secured(self._contexts.origin, name)

    def _secured(self, context: ssl.SSLContext, name: str) -> Steps[None]:
        self.late = Trouble.TLS_TIMEOUT
        layer = TLSLayer(context, name)
        yield from self.layers.through(layer.handshake())
        self.layers.push(layer)
