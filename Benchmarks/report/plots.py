"""Plots in SVG, drawn without a library."""

import math
from dataclasses import dataclass

from report.cost_tables import added_instructions
from report.figures import CONTROL, REFERENCE, lines
from report.load_tables import FORGED, INDISTINGUISHABLE, VALID
from report.markdown import labels

STYLE = "<style>text{font:13px sans-serif}.title{font:bold 15px sans-serif}</style>"
OURS, OTHERS = "#2a7f3f", "#8a94a0"
COLOURS = ["#555555", "#2a7f3f", "#c0392b", "#2c6fbb", "#e08e0b", "#7d4fa3", "#1a9aa0"]


def picture(width, height, parts):
    text = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">', STYLE]
    text += [f'<rect width="{width}" height="{height}" fill="white"/>', *parts, "</svg>"]
    return "\n".join(text) + "\n"


# Bars

LABELS, BAR, STEP, WIDTH = 250, 14, 24, 880


@dataclass(frozen=True)
class Bar:
    """A figure with its range; `text` is shown in their place where the figure would be the machine's noise."""

    candidate: str
    median: float
    least: float
    most: float
    text: str = ""


def bars(title, rows, names, top, unit=""):
    """A bar for each row, with its range as a line."""
    scale = (WIDTH - LABELS - 100) / max([row.most for row in rows] + [0.01])
    yield f'<text x="10" y="{top}" class="title">{title}</text>'
    for number, row in enumerate(rows):
        y = top + 14 + STEP * number
        middle = y + BAR / 2
        yield f'<text x="{LABELS - 8}" y="{y + 12}" text-anchor="end">{names[row.candidate]}</text>'
        if row.text:
            yield f'<text x="{LABELS}" y="{y + 12}" font-style="italic">{row.text}</text>'
            continue
        width = max(1, scale * row.median)
        colour = OURS if "latchkey" in row.candidate else OTHERS
        yield f'<rect x="{LABELS}" y="{y}" width="{width:.1f}" height="{BAR}" fill="{colour}"/>'
        begin, end = LABELS + scale * max(0, row.least), LABELS + scale * max(0, row.most)
        yield f'<path d="M{begin:.1f} {middle}H{end:.1f}" stroke="black"/>'
        yield f'<text x="{max(LABELS + width, end) + 6:.1f}" y="{y + 12}">{figure(row.median)}{unit}</text>'


def figure(value):
    if value == int(value):
        return f"{value:,.0f}"
    return f"{value:.{2 if value <= 2 else 1}f}"


def comparison(results):
    """What a check adds, counted and timed; then throughput as a ratio to no check."""
    names = labels(results)
    parts, top = [], 24
    for title, rows, unit in (
        ("Instructions that a check of a valid key adds to a request in nginx (counted)", instruction_bars(results), ""),
        ("Processor time that a check of a valid key adds to a request", load_bars(results, VALID, added_bar), " µs"),
        ("Requests a second with a valid key, as a ratio to no check", load_bars(results, VALID, ratio_bar), ""),
        ("Requests a second with forged keys, as a ratio to no check", load_bars(results, FORGED, ratio_bar), ""),
    ):
        if rows:
            parts += bars(title, rows, names, top, unit)
            top += STEP * len(rows) + 50
    return picture(WIDTH, top, parts)


def instruction_bars(results):
    costs = results["costs"] if "costs" in results else {}
    added = {name: added_instructions(costs, name) for name in costs}
    return [Bar(name, count, count, count) for name, count in added.items() if count is not None]


def load_bars(results, cell, bar):
    return [bar(line) for line in lines(results["load"], cell) if line.candidate not in (REFERENCE, CONTROL)]


def ratio_bar(line):
    return bar_of(line, line.ratio, INDISTINGUISHABLE if line.ratio_is_noise else "")


def added_bar(line):
    return bar_of(line, line.cpu_added_us, INDISTINGUISHABLE if line.cpu_is_noise else "")


def bar_of(line, spread, text):
    return Bar(line.candidate, spread.median, spread.least, spread.most, text)


# Curves

LEFT, RIGHT, HEIGHT = 80, 230, 180


class Logarithmic:
    """Decades around all values."""

    def __init__(self, values):
        known = [value for value in values if value > 0]
        self.low = math.floor(math.log10(min(known)))
        self.high = max(self.low + 1, math.ceil(math.log10(max(known))))
        self.ticks = [10.0**power for power in range(self.low, self.high + 1)]

    def part(self, value):
        return (math.log10(max(value, 10.0**self.low)) - self.low) / (self.high - self.low)


class Linear:
    """From nothing to more than the greatest value, in steps of 1, 2 or 5."""

    def __init__(self, values):
        most = max(values)
        power = 10.0 ** math.floor(math.log10(most))
        step = next(step * power for step in (0.2, 0.5, 1, 2) if step * power * 6 > most)
        self.ticks = [step * number for number in range(math.ceil(most / step) + 1)]

    def part(self, value):
        return value / self.ticks[-1]


def curves(plot, lines_of, colours, top):
    """Curves {name: {x: y}} over a logarithmic axis."""
    scale = plot.scale([y for curve in lines_of.values() for y in curve.values()])
    ticks = sorted({at for curve in lines_of.values() for at in curve})
    first, last = math.log(ticks[0]), math.log(ticks[-1])

    def x(value):
        return LEFT + (WIDTH - LEFT - RIGHT) * (math.log(value) - first) / (last - first)

    def y(value):
        return top + 16 + HEIGHT * (1 - scale.part(value))

    yield f'<text x="10" y="{top}" class="title">{plot.title}</text>'
    for tick in scale.ticks:
        yield f'<path d="M{LEFT} {y(tick):.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>'
        yield f'<text x="{LEFT - 6}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:g}{plot.unit}</text>'
    for tick in ticks:
        yield f'<text x="{x(tick):.1f}" y="{top + HEIGHT + 34}" text-anchor="middle">{tick:,}</text>'
    for number, (name, curve) in enumerate(lines_of.items()):
        path = "L".join(f"{x(at):.1f} {y(value):.1f}" for at, value in sorted(curve.items()))
        yield f'<path d="M{path}" fill="none" stroke="{colours[name]}" stroke-width="2"/>'
        yield f'<text x="{WIDTH - RIGHT + 10}" y="{top + 30 + 18 * number}" fill="{colours[name]}">{name}</text>'


@dataclass(frozen=True)
class Plot:
    title: str
    part: str
    axis: str
    key: str
    scale: type
    factor: float
    unit: str


ORGANIZATIONS = ("by_organizations", "organizations")
WORKERS = ("by_workers", "workers")
GATEWAYS = ("by_gateways", "gateways")

GROWTH = (
    Plot("Seconds until it listens, by organizations", *ORGANIZATIONS, "start_s", Logarithmic, 1, " s"),
    Plot("Memory with one worker, by organizations", *ORGANIZATIONS, "memory", Logarithmic, 1e-6, " MB"),
    Plot("Processor time of a request, by organizations", *ORGANIZATIONS, "cpu_us", Linear, 1, " µs"),
    Plot("Processor time of a request, by workers", *WORKERS, "cpu_us", Linear, 1, " µs"),
    Plot("Processor time of a request, by gateways", *GATEWAYS, "cpu_us", Linear, 1, " µs"),
    Plot("latchkey revoke, by gateways", *GATEWAYS, "revocation_s", Linear, 1000, " ms"),
)


def growth(results):
    """Start, memory and processor time over the number of organizations; processor time over workers and gateways."""
    names = labels(results)
    colours = {}
    parts, top = [], 24
    for plot in GROWTH:
        found = {}
        for row in results[plot.part]:
            if plot.key in row:
                value = row[plot.key]
                value = value["median"] if isinstance(value, dict) else value
                found.setdefault(names[row["candidate"]], {})[row[plot.axis]] = plot.factor * value
        for name in found:
            colours.setdefault(name, COLOURS[len(colours) % len(COLOURS)])
        parts += curves(plot, found, colours, top)
        top += HEIGHT + 76
    return picture(WIDTH, top, parts)
