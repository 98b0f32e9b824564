"""Tables of what is counted: instructions, system calls, commands to Redis."""

from compare.requests import KINDS
from report.figures import REFERENCE
from report.markdown import bold, labels, table


def costs(results):
    if "costs" not in results:
        return ""
    counted = results["costs"]
    return "\n".join([
        "Instructions of nginx in user space that a check adds to a request:\n",
        table(["", *KINDS.values()], instruction_rows(results, counted)),
        "System calls per request (front and side process); 3 without a check:\n",
        table(["", *KINDS.values()], call_rows(results, counted, system_calls)),
        "Commands to Redis per request:\n",
        table(["", *KINDS.values()], call_rows(results, counted, commands)),
        "Per second without requests:\n",
        table(["", "system calls", "commands to Redis"], idle_rows(results, counted)),
    ])


def instruction_rows(results, counted):
    names = labels(results)
    for name in counted:
        if added_instructions(counted, name) is not None:
            yield [bold(name, names[name]), *(f"{added_instructions(counted, name, kind):,.0f}" for kind in KINDS)]


def added_instructions(counted, name, kind="valid"):
    """Of nginx in user space, outside the heap; nothing where they were not counted."""
    if name == REFERENCE or "instructions" not in counted[name]:
        return None
    base = counted[REFERENCE]["instructions_of_latchkeys_key" if "latchkey" in name else "instructions"]
    return round(counted[name]["instructions"][kind]["outside_heap"] - base[kind]["outside_heap"])


def added_system_calls(counted, name, kind="valid"):
    """Of the front and its side process."""
    own, base = (count_of(counted[each]["calls"][kind]) for each in (name, REFERENCE))
    return round(own - base)


def call_rows(results, counted, text):
    names = labels(results)
    for name, costs_of in counted.items():
        yield [bold(name, names[name]), *(text(costs_of["calls"][kind]) for kind in KINDS)]


def system_calls(calls):
    return f"{count_of(calls):.2f}"


def count_of(calls):
    return sum(count for name, count in calls.items() if name.endswith("system_calls"))


def commands(calls):
    return f"{calls['redis_commands']:.2f}"


def idle_rows(results, counted):
    names = labels(results)
    for name, costs_of in counted.items():
        idle = costs_of["by_itself"]
        yield [bold(name, names[name]), system_calls(idle), f"{idle['redis_commands']:.1f}"]
