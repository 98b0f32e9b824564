"""Configuration files with placeholders for values of a run: @PORT@."""

import re


class Words:
    def __init__(self, words):
        self.words = words

    def put_into(self, text):
        return re.sub(r"@([A-Z_0-9]+)@", lambda found: str(self.words[found[1]]), text)


def with_parts(text, folder):
    """A text with the files of a folder in the places of {{their names}}; with nothing for those that are not there."""

    def part(found):
        path = folder / found[1]
        return path.read_text() if path.exists() else ""

    return re.sub(r"\{\{([a-z.]+)\}\}", part, text)
