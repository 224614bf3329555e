"""The pages of cards, beside the receipts: one for each version that served."""

from datetime import UTC, datetime
from pathlib import Path

from tierra import __version__
from tierra.facts import CardsMade
from tierra.journal import Journal
from tierra.model.documents import Document
from tierra.report.filling import fill
from tierra.report.index import NAME, write_whole
from tierra.report.sections import Section


def fill_card(document: Document, version: str, index: str = NAME) -> str:
    """A card's page; `index` is the address of the list of runs."""
    parts = [part for part in document.parts if not part.is_empty]
    sections = [Section(f"part{place}", part.title, "card", part) for place, part in enumerate(parts)]
    values = {
        "project": document.project, "flow": document.title.lower(), "title": document.title,
        "outcome": document.title, "mood": "quiet", "sentence": document.sentence, "attempt": 1,
        "figures": [(f"version {version}", "of the model"), *document.figures], "sections": sections, "index": index,
        "moment": f"{datetime.now(UTC):%Y-%m-%d}", "versions": {"tierra": __version__},
    }  # fmt: skip
    return fill("receipt.html", values)


def card_file(folder: Path, document: Document, version: str) -> Path:
    """Where the page of a version's card lies."""
    return folder / f"{document.kind}-card-v{version}.html"


def write_cards(folder: Path, journal: Journal) -> dict[str, str]:
    """Write the pages of the cards that a run made; their names, by what they are called."""
    pages: dict[str, str] = {}
    for made in journal.facts(CardsMade):
        for card in made.cards:
            file = card_file(folder, card, made.version)
            write_whole(file, fill_card(card, made.version))
            pages[card.title] = file.name
    return pages
