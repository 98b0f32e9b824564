"""Latchkey beside what people use instead.

    bench.py few|full|costs|scale|report [--rounds N] [--seconds N] [--only NAME,…] [--cells ANSWER:KIND:CONNECTIONS,…]
             [--organizations N] [--results FILE]

few: the most telling cells, within ten minutes.  full: all of them.  costs: what is counted; scale: how things grow; both
are added to the results of a full run.  report: tables and plots of results, in README.md and docs/PERFORMANCE.md.
"""

import argparse
import signal
import sys
from pathlib import Path

from compare import BENCHMARKS, MADE, cells, scale
from compare.acceptance import all_accept
from compare.candidate import chosen_candidates
from compare.costs import calls, idle_calls, instructions
from compare.requests import KEYS
from compare.results import Results
from compare.revocation import revocations
from compare.rounds import rounds
from compare.stack import Stack
from compare.warming import warm
from report import documents, tables

PUBLISHED = BENCHMARKS / "results/published.json"


def compare(options, results, chosen_cells, repetitions):
    """Load, acceptance and revocation of all candidates."""
    with Stack(options.candidates, options.organizations) as stack:
        results.put("acceptance", all_accept(stack))
        for running in stack.running:
            if running.candidate.keeps_keys:
                warm(running.ports["own"], running.keys.valid)
        stack.settle()
        load = {
            "rounds": options.rounds, "seconds": options.seconds, "organizations": options.organizations,
            "cells": [cell.name for cell in chosen_cells],
        }
        rounds(
            stack, chosen_cells, options.rounds, options.seconds,
            lambda rows: results.put("load", {**load, "rows": rows}),
        )
        results.put("revocation", revocations(stack, repetitions))


def count(options, results):
    """Instructions, system calls and commands of all candidates, one after another."""
    found = results["costs"] if "costs" in results else {}
    with Stack([], 10 * KEYS) as stack:
        for candidate in options.candidates:
            if candidate.is_control:
                continue
            counted = {"calls": calls(stack, candidate), "by_itself": idle_calls(stack, candidate)}
            if candidate.is_nginx:
                counted["instructions"] = instructions(stack, candidate)
            if not candidate.checks:
                counted["instructions_of_latchkeys_key"] = instructions(stack, candidate, form="latchkey")
            found[candidate.name] = counted
            results.put("costs", found)


def grow(options, results):
    """How start, memory and checks grow with organizations, workers and gateways."""
    results.put("by_organizations", scale.by_organizations(options.rounds, options.seconds))
    results.put("by_workers", scale.by_workers(1000, options.rounds, options.seconds))
    results.put("by_gateways", scale.by_gateways(1000, options.rounds, options.seconds))


def few(options):
    results = Results(options.results or MADE / "few.json")
    compare(options, results, options.cells or cells.FEW, repetitions=3)
    show(results)


def full(options):
    results = Results(options.results or MADE / "full.json")
    compare(options, results, options.cells or cells.ALL, repetitions=10)
    show(results)


def added(part):
    """A command that adds a part to the results of a full run, where there are any."""

    def command(options):
        path = options.results or MADE / "full.json"
        results = Results.read(path) if path.exists() else Results(path)
        part(options, results)
        show(results)

    return command


def report(options):
    """Publishes results: copies the file, and rewrites the documents from it."""
    if options.results:
        PUBLISHED.write_text(options.results.read_text())
    documents.write(Results.read(PUBLISHED))


def show(results):
    path = results.path.with_suffix(".md")
    path.write_text(tables.everything(results))
    print(path.read_text())
    print(f"Results: {results.path}\nTables: {path}")


COMMANDS = {"few": few, "full": full, "costs": added(count), "scale": added(grow), "report": report}


def parsed(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=1)
    parser.add_argument("--organizations", type=int, default=100_000)
    parser.add_argument("--only", default="")
    parser.add_argument("--cells", default="")
    parser.add_argument("--results", type=Path)
    options = parser.parse_args(arguments)
    options.candidates = chosen_candidates([name for name in options.only.split(",") if name])
    options.cells = cells.cells([name for name in options.cells.split(",") if name])
    return options


def ended(number, _):
    """Lets what was started be ended, too."""
    sys.exit(128 + number)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, ended)
    options = parsed(sys.argv[1:])
    COMMANDS[options.command](options)
