"""Plots as SVG, written by hand: mid-tones on nothing, readable on light and dark."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH = 760
LABELS = 210
LEAST_POWER = 3
FEW_SECONDS = 10
COLOURS = ("#2f81c7", "#c9762c", "#3f9c58", "#a160b8", "#b8506a", "#7d8590")

# Mid-grey: a picture does not hear of a site's own switch between light and dark.
_STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #7d8590; }
  .title { font-weight: 600; font-size: 14px; }
"""


@dataclass(frozen=True)
class Bar:
    """One bar: its label, its length, and which colour it has."""

    label: str
    value: float
    colour: int = 0


@dataclass(frozen=True)
class Curve:
    """Values at equal steps."""

    label: str
    values: Sequence[float]


def _document(height: float, title: str, parts: list[str]) -> str:
    size = f'viewBox="0 0 {WIDTH} {height:g}" width="{WIDTH}" height="{height:g}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
            f"<title>{escape(title)}</title>",
            f"<style>{_STYLE}</style>",
            _text(8, 20, title, kind="title"),
            *parts,
            "</svg>",
            "",
        ]
    )


def _text(
    x: float, y: float, text: str, *, anchor: str = "start", kind: str = ""
) -> str:
    named = f' class="{kind}"' if kind else ""
    place = f'x="{x:g}" y="{y:g}" text-anchor="{anchor}"'
    look = 'font-size="12" font-family="sans-serif" fill="#7d8590"'
    return f"<text {place} {look}{named}>{escape(text)}</text>"


def _line(x1: float, y1: float, x2: float, y2: float, *, strong: bool = False) -> str:
    look = 'stroke="#8b949e"' + ("" if strong else ' stroke-opacity="0.35"')
    return f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" {look}/>'


def bars(title: str, groups: Sequence[tuple[str, Sequence[Bar]]], unit: str) -> str:
    """Horizontal bars, in groups, all to one scale."""
    longest = max(bar.value for _, group in groups for bar in group)
    scale = (WIDTH - LABELS - 90) / longest
    parts, y = [], 44.0
    for name, group in groups:
        parts.append(_text(8, y, name))
        y += 8
        for bar in group:
            colour = COLOURS[bar.colour % len(COLOURS)]
            parts.append(_text(LABELS - 8, y + 12, bar.label, anchor="end"))
            parts.append(
                f'<rect x="{LABELS}" y="{y:g}" width="{bar.value * scale:.1f}"'
                f' height="15" rx="2" fill="{colour}"/>'
            )
            shown = f"{bar.value:.2f} {unit}"
            parts.append(_text(LABELS + bar.value * scale + 6, y + 12, shown))
            y += 20
        y += 20
    return _document(y, title, parts)


def dots(
    title: str, rows: Sequence[tuple[str, Sequence[float]]], names: Sequence[str]
) -> str:
    """A row of dots for each label, on a scale from 0, with a mark at 1."""
    left, top = 320, 64
    most = math.ceil(max(value for _, values in rows for value in values))
    scale = (WIDTH - left - 30) / most
    bottom = top + 20 * len(rows)
    parts = _legend(names, 40)
    for tick in range(most + 1):
        x = left + tick * scale
        parts += [
            _line(x, top - 6, x, bottom),
            _text(x, bottom + 16, f"{tick}", anchor="middle"),
        ]
    for number, (label, values) in enumerate(rows):
        y = top + 20 * number + 8
        parts.append(_text(left - 10, y + 4, label, anchor="end"))
        for kind, value in enumerate(values):
            parts.append(
                f'<circle cx="{left + value * scale:.1f}" cy="{y}" r="5"'
                f' fill="{COLOURS[kind]}" fill-opacity="0.85"/>'
            )
    return _document(bottom + 30, title, parts)


def seconds(title: str, series: Sequence[Curve], *, mark: int, named: str) -> str:
    """A panel for each curve: a bar for each second, on a logarithmic scale.

    Args:
        title: Of the whole.
        series: Values by second.
        mark: A second that is marked in every panel.
        named: What the mark means.
    """
    left, panel = 76.0, 100.0
    most = max(len(curve.values) for curve in series)
    top_power = math.ceil(math.log10(max(max(curve.values) for curve in series)))
    step, rise = (WIDTH - left - 16) / most, 72 / (top_power - LEAST_POWER)
    parts: list[str] = []
    for number, curve in enumerate(series):
        bottom = 46 + panel * (number + 1) - 16
        parts.append(_text(left, bottom - 76, curve.label))
        for power in range(LEAST_POWER, top_power + 1):
            y = bottom - (power - LEAST_POWER) * rise
            parts.append(_line(left, y, WIDTH - 16, y))
            parts.append(_text(left - 8, y + 4, f"{10**power:,}", anchor="end"))
        for at, value in enumerate(curve.values):
            height = max(0.0, math.log10(max(value, 1)) - LEAST_POWER) * rise
            parts.append(
                f'<rect x="{left + at * step:.1f}" y="{bottom - height:.1f}"'
                f' width="{step * 0.8:.1f}" height="{height:.1f}"'
                f' fill="{COLOURS[number]}"/>'
            )
        x = left + mark * step
        parts.append(_line(x, bottom - 72, x, bottom, strong=True))
    bottom = 46 + panel * len(series) - 16
    for second in range(0, most + 1, 20):
        x = left + second * step
        parts.append(_text(x, bottom + 18, f"{second} s", anchor="middle"))
    parts.append(_text(left + mark * step + 4, bottom + 36, f"| {named}"))
    return _document(bottom + 46, title, parts)


def _legend(names: Sequence[str], y: float) -> list[str]:
    parts, x = [], 8.0
    for number, name in enumerate(names):
        colour = COLOURS[number]
        parts.append(f'<circle cx="{x + 5:g}" cy="{y - 4:g}" r="5" fill="{colour}"/>')
        parts.append(_text(x + 14, y, name))
        x += 30 + 6.6 * len(name)
    return parts


@dataclass(frozen=True)
class Track:
    """What one process did: each stretch from, to, in seconds; a moment has no length.

    Attributes:
        faint: Stretches in which it only waited.
    """

    label: str
    stretches: Sequence[tuple[float, float]]
    faint: Sequence[tuple[float, float]] = ()


def timeline(
    title: str,
    tracks: Sequence[Track],
    marks: Sequence[tuple[float, str]],
    *,
    seconds: float,
) -> str:
    """Tracks below each other over one axis of time, and what happened when."""
    scale = (WIDTH - LABELS - 20) / seconds
    bottom = 74.0 + 34 * len(tracks)
    parts = []
    for number, (moment, label) in enumerate(marks):
        x = LABELS + moment * scale
        parts.append(_line(x, 48, x, bottom, strong=True))
        anchor = "end" if x > WIDTH - 160 else "start"
        parts.append(_text(x, 44 if number % 2 else 32, label, anchor=anchor))
    for number, track in enumerate(tracks):
        y = 60.0 + 34 * number
        colour = COLOURS[number % len(COLOURS)]
        parts.append(_text(LABELS - 10, y + 15, track.label, anchor="end"))
        for begin, end in track.faint:
            parts.append(_stretch(LABELS + begin * scale, y + 8, end - begin, scale, 6))
        for begin, end in track.stretches:
            x, length = LABELS + begin * scale, max((end - begin) * scale, 1.2)
            look = f'fill="{colour}" rx="1"'
            parts.append(
                f'<rect x="{x:.1f}" y="{y:g}" width="{length:.1f}" height="22" {look}/>'
            )
    parts += _seconds_axis(bottom, seconds, scale)
    return _document(bottom + 26, title, parts)


def _stretch(x: float, y: float, length: float, scale: float, height: float) -> str:
    look = 'fill="#8b949e" fill-opacity="0.35" rx="2"'
    return (
        f'<rect x="{x:.1f}" y="{y:g}" width="{length * scale:.1f}" height="{height:g}"'
        f" {look}/>"
    )


def _seconds_axis(y: float, seconds: float, scale: float) -> list[str]:
    parts = [_line(LABELS, y, WIDTH - 20, y)]
    step = 1 if seconds <= FEW_SECONDS else 5
    for second in range(0, int(seconds) + 1, step):
        x = LABELS + second * scale
        parts.append(_text(x, y + 16, f"{second} s", anchor="middle"))
    return parts
