"""Pieces of work, each a function in a list: it does the work, and ends when all is well again."""

from dataclasses import dataclass
from typing import Callable


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
