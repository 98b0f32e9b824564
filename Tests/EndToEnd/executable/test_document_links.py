"""The documents' links have targets, and their lists are complete."""

import re

import pytest

from harness.artefacts import ROOT

FOLDERS = ("", "docs", "docs/decisions", "Benchmarks", "Tests/Model", "Tests/KeyFormatTests")
DOCUMENTS = sorted(path for folder in FOLDERS for path in (ROOT / folder).glob("*.md"))


def prose(path):
    """A document without its code blocks."""
    return re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)


def anchors(path):
    """The anchors that links can name in a document, as GitHub derives them from headings."""
    headings = re.findall(r"^#+ (.*)$", prose(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(path):
    """Each link to a file of the project or a heading, as its parts."""
    found = re.findall(r"\]\(([^)\s]+)\)", prose(path))
    return [link.partition("#")[::2] for link in found if "://" not in link]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_link_has_a_target(path):
    for name, anchor in links(path):
        target = (path.parent / name).resolve() if name else path
        assert target.exists(), name
        assert not anchor or anchor in anchors(target), f"{name}#{anchor}"


def test_the_index_of_decisions_lists_each_once():
    index = ROOT / "docs/decisions/README.md"
    listed = [name for name, _ in links(index)]
    assert sorted(listed) == sorted(path.name for path in index.parent.glob("*.md") if path != index)


def test_the_glossary_is_in_alphabetical_order():
    rows = re.findall(r"^\| (?!word|---)(.+?) \|", prose(ROOT / "docs/GLOSSARY.md"), re.MULTILINE)
    words = [row.strip("*").lower() for row in rows]
    assert len(words) > 30 and words == sorted(words)
