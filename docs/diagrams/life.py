"""Draws the states of a subscription from the code's own table.

python docs/diagrams/life.py
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path

from reconnecting_sse.core.states import NEXT, State

FILE = Path(__file__).with_suffix(".svg")
WIDTH, HEIGHT, BOX = 760, 400, (120, 40)

# Where each state stands: the middle of its box.
PLACES = {
    State.STANDBY: (100, 70),
    State.CONNECTING: (100, 200),
    State.OPEN: (500, 200),
    State.PAUSED: (500, 70),
    State.WAITING: (300, 330),
    State.CLOSED: (660, 330),
}

# Mid-tones on nothing, which the site's light and dark have both.
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #7d8590; text-anchor: middle; }
  .state { font-weight: 600; fill: #1286b8; }
  rect, path { fill: none; stroke: #1286b8; stroke-width: 1.5; }
  .tip { fill: #1286b8; stroke: none; }
"""


@dataclass(frozen=True)
class Arrow:
    """From one state to another, and where its words stand beside its middle."""

    path: str
    words_at: tuple[int, int]


# From the edge of one box to the edge of the other.
ARROWS = {
    (State.STANDBY, State.CONNECTING): Arrow("M100 90V178", (180, 138)),
    (State.CONNECTING, State.OPEN): Arrow("M160 192H438", (300, 184)),
    (State.OPEN, State.CONNECTING): Arrow("M440 208H162", (300, 226)),
    (State.CONNECTING, State.WAITING): Arrow("M120 220L252 309", (118, 278)),
    (State.WAITING, State.CONNECTING): Arrow("M282 310L142 222", (262, 258)),
    (State.OPEN, State.WAITING): Arrow("M480 220L350 309", (478, 278)),
    (State.OPEN, State.PAUSED): Arrow("M510 180V92", (602, 138)),
    (State.PAUSED, State.OPEN): Arrow("M490 90V178", (458, 138)),
}


HEAD = f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"
 width="{WIDTH}" height="{HEIGHT}" role="img">
<title>The states of a subscription</title>
<style>{STYLE}</style>
<marker id="tip" orient="auto" markerWidth="9" markerHeight="9" refX="7" refY="4"
 markerUnits="userSpaceOnUse"><path class="tip" d="M0 0L8 4L0 8Z"/></marker>"""


def drawn() -> str:
    """The picture."""
    parts = [_box(state) for state in State]
    for state, following in NEXT.items():
        parts += [_arrow(state, to, why) for to, why in following.items()]
    parts.append(_text(660, 300, "from each state"))
    return "\n".join([HEAD, *parts, "</svg>", ""])


def _box(state: State) -> str:
    (x, y), (width, height) = PLACES[state], BOX
    corner = f'x="{x - width // 2}" y="{y - height // 2}"'
    box = f'<rect {corner} width="{width}" height="{height}" rx="8"/>'
    return box + _text(x, y + 5, state.name, kind="state")


def _arrow(state: State, to: State, why: str) -> str:
    arrow = ARROWS[state, to]
    line = f'<path d="{arrow.path}" marker-end="url(#tip)"/>'
    return line + _text(*arrow.words_at, why)


def _text(x: int, y: int, words: str, *, kind: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text x="{x}" y="{y}"{named}>{escape(words)}</text>'


if __name__ == "__main__":
    FILE.write_text(drawn(), "utf-8")
