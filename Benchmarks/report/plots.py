"""Plots in SVG, drawn without a library."""

import math

from report.figures import CONTROL, REFERENCE, lines
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


def bars(title, rows, top, unit, most):
    """A bar for each (label, is ours, median, least, most), with its spread as a line."""
    scale = (WIDTH - LABELS - 90) / most
    yield f'<text x="10" y="{top}" class="title">{title}</text>'
    for number, (label, is_ours, median, least, greatest) in enumerate(rows):
        y = top + 14 + STEP * number
        middle = y + BAR / 2
        yield f'<text x="{LABELS - 8}" y="{y + 12}" text-anchor="end">{label}</text>'
        width = max(1, scale * median)
        yield f'<rect x="{LABELS}" y="{y}" width="{width:.1f}" height="{BAR}" fill="{OURS if is_ours else OTHERS}"/>'
        begin, end = LABELS + scale * max(0, least), LABELS + scale * max(0, greatest)
        yield f'<path d="M{begin:.1f} {middle}H{end:.1f}" stroke="black"/>'
        figure = f"{median:.{2 if most <= 2 else 1}f}{unit}"
        yield f'<text x="{max(LABELS + width, end) + 6:.1f}" y="{y + 12}">{figure}</text>'


def comparison(results):
    """Throughput with valid and with made-up keys, as ratios to no check, and the processor time that a check adds."""
    names = labels(results)
    parts, top = [], 24
    for title, cell, value, unit in (
        ("Requests a second with a valid key, as a ratio to no check", "own:valid:64", "ratio", ""),
        ("Requests a second with made-up keys, as a ratio to no check", "own:forged:64", "ratio", ""),
        ("Processor time that a check adds to a request with a valid key", "own:valid:64", "cpu_added_us", " µs"),
    ):
        rows = [
            (names[line.candidate], "latchkey" in line.candidate, spread.median, spread.least, spread.most)
            for line in lines(results["load"], cell) if line.candidate not in (REFERENCE, CONTROL)
            for spread in [getattr(line, value)]
        ]
        most = max((greatest for *_, greatest in rows), default=1)
        parts += bars(title, rows, top, unit, max(most, 0.01))
        top += STEP * len(rows) + 50
    return picture(WIDTH, top, parts)


# Curves

LEFT, RIGHT, HEIGHT = 80, 230, 200


def curves(title, ticks_x, lines_of, top, unit):
    """Curves {name: {x: y}} on two logarithmic scales."""
    values = [y for curve in lines_of.values() for y in curve.values() if y > 0]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    high = max(high, low + 1)
    first, last = math.log(ticks_x[0]), math.log(ticks_x[-1])

    def x(value):
        return LEFT + (WIDTH - LEFT - RIGHT) * (math.log(value) - first) / (last - first)

    def y(value):
        return top + 16 + HEIGHT * (1 - (math.log10(max(value, 10.0**low)) - low) / (high - low))

    yield f'<text x="10" y="{top}" class="title">{title}</text>'
    for power in range(low, high + 1):
        yield f'<path d="M{LEFT} {y(10.0**power):.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>'
        yield f'<text x="{LEFT - 6}" y="{y(10.0**power) + 4:.1f}" text-anchor="end">{10.0**power:g}{unit}</text>'
    for tick in ticks_x:
        yield f'<text x="{x(tick):.1f}" y="{top + HEIGHT + 34}" text-anchor="middle">{tick:,}</text>'
    for number, (name, curve) in enumerate(lines_of.items()):
        colour = COLOURS[number % len(COLOURS)]
        path = "L".join(f"{x(at):.1f} {y(value):.1f}" for at, value in sorted(curve.items()))
        yield f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
        yield f'<text x="{WIDTH - RIGHT + 10}" y="{top + 30 + 18 * number}" fill="{colour}">{name}</text>'


def growth(results):
    """Start, memory and processor time over the number of organizations; processor time over workers and gateways."""
    names = labels(results)
    parts, top = [], 24
    for title, part, axis, key, scale, unit in (
        ("Seconds until it listens, by organizations", "by_organizations", "organizations", "start_s", 1, " s"),
        ("Memory with one worker, by organizations", "by_organizations", "organizations", "memory", 1e-6, " MB"),
        ("Processor time of a request, by organizations", "by_organizations", "organizations", "cpu_us", 1, " µs"),
        ("Processor time of a request, by workers", "by_workers", "workers", "cpu_us", 1, " µs"),
        ("Processor time of a request, by gateways", "by_gateways", "gateways", "cpu_us", 1, " µs"),
        ("`latchkey revoke`, by gateways", "by_gateways", "gateways", "revocation_s", 1000, " ms"),
    ):
        rows = [row for row in results[part] if key in row]
        found = {}
        for row in rows:
            value = row[key]["median"] if isinstance(row[key], dict) else row[key]
            found.setdefault(names[row["candidate"]], {})[row[axis]] = scale * value
        ticks = sorted({row[axis] for row in rows})
        parts += curves(title, ticks, found, top, unit)
        top += HEIGHT + 76
    return picture(WIDTH, top, parts)
