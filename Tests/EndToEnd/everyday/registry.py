"""Pieces of work, each a function in a list: it does the work, and ends when all is well again."""

from dataclasses import dataclass
from typing import Callable

from harness import processes

# Gateways of a fleet that grows. Each new one is an nginx with one worker.
GATEWAYS = 200
SCALING = f"gateways scaled from 2 to {GATEWAYS}"


@dataclass(frozen=True)
class Work:
    name: str
    do: Callable


class Works(list):
    def add(self, name):
        """Adds a function, which is handed the course."""
        def register(function):
            self.append(Work(name, function))
            return function
        return register


def restart(course, server):
    """Restarts a server, and waits until all is linked again."""
    server.stop()
    server.start()
    course.wait(course.world.store.is_whole)


def scale_gateways(course):
    """Starts one gateway after another, and waits until each of them decides by the store."""
    world = course.world
    for number in range(len(world.gateways), GATEWAYS):
        world.add_gateway(number, "leased", workers=1)
        course.report_for(0.1)
    workers = world.sandbox.workers()
    course.wait(lambda: {int(member["pid"]) for member in world.sandbox.members()} == workers)
    course.report_for(10)
    assert all(processes.is_alive(pid) for pid in workers)
    for gateway in world.gateways:
        course.wait(lambda: world.sandbox.request(key=course.forged[0], at=gateway).status == 401)
