"""Tables of what is counted: instructions, system calls, commands to Redis."""

from compare.requests import KINDS
from report.figures import REFERENCE
from report.markdown import bold, labels, table


def costs(results):
    if "costs" not in results:
        return ""
    counted = results["costs"]
    return "\n".join([
        "Instructions of nginx in user space a request, more than without a check:\n",
        table(["", *KINDS.values()], instruction_rows(results, counted)),
        "System calls a request (front + side process), without a check 3:\n",
        table(["", *KINDS.values()], call_rows(results, counted, system_calls)),
        "Commands to Redis a request:\n",
        table(["", *KINDS.values()], call_rows(results, counted, commands)),
        "By itself, in a second without requests:\n",
        table(["", "system calls", "commands to Redis"], idle_rows(results, counted)),
    ])


def instruction_rows(results, counted):
    names = labels(results)
    reference = counted[REFERENCE]
    for name, costs_of in counted.items():
        if name == REFERENCE or "instructions" not in costs_of:
            continue
        base = reference["instructions_of_latchkeys_key" if "latchkey" in name else "instructions"]
        own = costs_of["instructions"]
        added = (own[kind]["outside_heap"] - base[kind]["outside_heap"] for kind in KINDS)
        yield [bold(name, names[name]), *(f"{count:,.0f}" for count in added)]


def call_rows(results, counted, text):
    names = labels(results)
    for name, costs_of in counted.items():
        yield [bold(name, names[name]), *(text(costs_of["calls"][kind]) for kind in KINDS)]


def system_calls(calls):
    return f"{sum(count for name, count in calls.items() if name.endswith('system_calls')):.2f}"


def commands(calls):
    return f"{calls['redis_commands']:.2f}"


def idle_rows(results, counted):
    names = labels(results)
    for name, costs_of in counted.items():
        idle = costs_of["by_itself"]
        yield [bold(name, names[name]), system_calls(idle), f"{idle['redis_commands']:.1f}"]
