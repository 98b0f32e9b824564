"""Draws curves over time, one plot below the other, as SVG."""

import itertools
from dataclasses import dataclass

WIDTH, HEIGHT, LEFT, RIGHT, TOP, GAP = 880, 120, 70, 130, 46, 56
COLOURS = ["#2a7f3f", "#c0392b", "#2c6fbb", "#e08e0b", "#7d4fa3", "#555555"]


@dataclass(frozen=True)
class Axis:
    """The time axis, with ticks at a fixed interval in seconds."""

    seconds: float
    step: int

    def x(self, now):
        return LEFT + (WIDTH - LEFT - RIGHT) * now / self.seconds


def picture(plots, axis, troubles=()):
    """The lines of a picture. A plot is (title, {name: [(time, value), …]}, values at the grid, scale).

    Troubles are (begin, end, what): spans of time with another ground, named above the first plot.
    """
    height = TOP + len(plots) * (HEIGHT + GAP) - 30
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}">'
    yield "<style>text{font:12px sans-serif}.title{font:bold 14px sans-serif}</style>"
    yield f'<rect width="{WIDTH}" height="{height}" fill="white"/>'
    for begin, _, what in troubles:
        if what:
            yield f'<text x="{axis.x(begin):.0f}" y="14" fill="#8a6d1f">{what}</text>'
    for number, each in enumerate(plots):
        yield from plot(TOP + number * (HEIGHT + GAP), *each, axis, troubles)
    yield "</svg>"


def plot(top, title, curves, ticks, scale, axis, troubles):
    """One plot; `ticks` are the values at its grid, `scale` puts them on a line."""
    lowest, highest = scale(ticks[0]), scale(ticks[-1])

    def y(value):
        part = (scale(max(value, ticks[0])) - lowest) / (highest - lowest)
        return top + HEIGHT * (1 - min(part, 1))

    yield f'<text x="{LEFT}" y="{top - 10}" class="title">{title}</text>'
    for begin, end, _ in troubles:
        width = axis.x(end) - axis.x(begin)
        yield f'<rect x="{axis.x(begin):.0f}" y="{top}" width="{width:.0f}" height="{HEIGHT}" fill="#f3eee2"/>'
    for tick in ticks:
        yield f'<path d="M{LEFT} {y(tick):.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>'
        yield f'<text x="{LEFT - 8}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>'
    for second in range(0, int(axis.seconds) + 1, axis.step):
        yield f'<text x="{axis.x(second):.0f}" y="{top + HEIGHT + 16}" text-anchor="middle">{second} s</text>'
    for number, ((name, curve), colour) in enumerate(zip(curves.items(), itertools.cycle(COLOURS))):
        pieces = [list(piece) for known, piece in itertools.groupby(curve, lambda point: point[1] is not None) if known]
        path = "".join("M" + "L".join(f"{axis.x(now):.1f} {y(value):.1f}" for now, value in piece) for piece in pieces)
        yield f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
        yield f'<text x="{WIDTH - RIGHT + 10}" y="{top + 12 + 16 * number}" fill="{colour}">{name}</text>'
