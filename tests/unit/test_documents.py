"""Rendered documents say what the source says, and the handwritten ones speak of what is there."""

import re
from pathlib import Path

import pytest
from pydantic import Field

from scripts import render_docs
from scripts.error_page import KINDS, ROOMS, find_codes, find_errors, find_groups
from scripts.project_page import Reference, find_undescribed, render_page
from scripts.project_schema import make_schema
from tests.conftest import ROOT
from tierra.errors import REMEDIES
from tierra.project.file import ProjectFile
from tierra.spec import Days, Spec

ERRORS = (ROOT / "docs" / "errors.md").read_text()
SAID = [said for room in ROOMS for file in (ROOT / room).rglob("*.py") for said in find_errors(file)]


def test_what_is_rendered_is_up_to_date() -> None:
    assert render_docs.main(["--check"]) == 0


def test_a_stale_document_fails_the_check_by_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rendered = {file: text + "drift" for file, text in render_docs.render().items()}
    monkeypatch.setattr(render_docs, "render", lambda: rendered)
    assert render_docs.main(["--check"]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 3


@pytest.mark.parametrize("code", REMEDIES)
def test_every_code_is_raised_and_has_its_place_on_the_page(code: str) -> None:
    kinds = {said.kind for said in SAID if said.code == code}
    assert kinds
    assert kinds <= set(KINDS)
    assert ERRORS.count(f"\n### {code}\n") == 1


def test_every_code_in_the_source_is_in_the_catalogue() -> None:
    written = {code for room in ROOMS for file in (ROOT / room).rglob("*.py") for code in find_codes(file)}
    assert len(written) > 50
    assert written - set(REMEDIES) == set()


def test_a_misspelt_code_is_found_in_either_branch_of_a_choice(tmp_path: Path) -> None:
    file = tmp_path / "source.py"
    file.write_text('raise Broken("store-faild" if x else "several", "what")\n')
    assert find_codes(file) == {"store-faild", "several"}


def test_every_code_lies_under_one_heading_of_the_catalogue() -> None:
    groups = find_groups((ROOT / "tierra" / "errors.py").read_text())
    assert sorted(code for codes in groups.values() for code in codes) == sorted(REMEDIES)
    assert next(iter(REMEDIES)) in groups["the project file"]


def test_the_kind_of_an_error_is_found_where_the_code_is_chosen_before(tmp_path: Path) -> None:
    file = tmp_path / "source.py"
    file.write_text(
        'def f(x):\n    code = "key-missing" if x else "several"\n    raise DataRejected(code, f"no {x}")\n'
    )
    assert {(said.code, said.kind) for said in find_errors(file)} == {
        ("key-missing", "DataRejected"), ("several", "DataRejected")}  # fmt: skip


class Timer(Spec):
    """When it rings."""

    after: Days = Field(7, description="Days to wait")
    loud: bool = False


class File(ProjectFile):
    """A project file with a new part."""

    timer: Timer = Field(Timer(), description="A new part")


def test_a_new_key_is_explained_without_work() -> None:
    page = render_page(make_schema(File), (ROOT / "docs" / "templates" / "project-file.md").read_text())
    assert "| `timer` | [timer](#timer) |  | A new part |" in page
    assert "## timer\n\nWhen it rings.\n" in page
    assert "| `after` | days | `7d` | Days to wait |" in page


def test_a_key_without_a_description_is_found() -> None:
    undescribed = find_undescribed(make_schema(File))
    assert "Timer.loud" in undescribed
    assert "Timer.after" not in undescribed


def test_every_key_of_the_project_file_has_a_description() -> None:
    assert find_undescribed(make_schema()) == []


def test_every_part_of_the_project_file_has_a_heading_that_its_links_meet() -> None:
    page = (ROOT / "docs" / "project-file.md").read_text()
    headings = {re.sub(r"[^\w\- ]", "", line.lstrip("# ").lower()).replace(" ", "-")
                for line in page.splitlines() if line.startswith("#")}  # fmt: skip
    assert set(re.findall(r"\]\(#([^)]+)\)", page)) <= headings
    assert {part.anchor for part in Reference(make_schema()).sections if part.path} <= headings


HANDWRITTEN = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("docs/decisions/*.md")]


@pytest.mark.parametrize("file", HANDWRITTEN, ids=lambda file: file.name)
def test_what_a_document_links_to_or_shows_is_there(file: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", file.read_text())
    places = [link for link in links if not link.startswith(("http:", "https:", "mailto:"))]
    assert [place for place in places if not (file.parent / place).exists()] == []
