"""What all tables have in common."""

import statistics


def table(header, rows):
    """The first column is text, the others are figures."""
    text = ["| " + " | ".join(header) + " |", "|---|" + "---:|" * (len(header) - 1)]
    text += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(text) + "\n"


def labels(results):
    return {each["name"]: each["label"] for each in results["made"]["candidates"]}


def bold(name, text):
    return f"**{text}**" if "latchkey" in name else text


def capitalized(text):
    return text[0].upper() + text[1:]


def microseconds(value):
    return "–" if value is None else f"{value:,.0f}"


def milliseconds(seconds):
    values = [1000 * each for each in seconds]
    if max(values) == 0:
        return "0"
    return f"{statistics.median(values):,.1f} ({min(values):,.1f}..{max(values):,.1f})"


def spread_text(value):
    return f"{value['median']:.1f} ({value['least']:.1f}..{value['most']:.1f})"
