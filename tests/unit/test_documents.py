"""Rendered documents say what the source says, and the handwritten ones speak of what is there."""

import re
from pathlib import Path
from typing import Annotated

import pytest
import typer
from pydantic import BaseModel, Field, SecretStr

from scripts import render_docs
from scripts.command_page import find_commands, find_undescribed_commands, render_command_page
from scripts.error_page import KINDS, PACKAGES, find_codes, find_errors, find_groups
from scripts.markdown import make_anchor
from scripts.project_page import Reference, render_project_page
from scripts.project_schema import make_schema
from scripts.schema_words import find_undescribed
from scripts.settings_page import find_undescribed_settings, render_settings_page
from tests.conftest import ROOT
from tierra.cli.commands import app
from tierra.errors import REMEDIES
from tierra.outcomes.training import REFUSED_CODE
from tierra.project.file import ProjectFile
from tierra.settings import Settings
from tierra.spec import Days, Spec
from tierra.status.facts import RED

DOCS = ROOT / "docs"
TEMPLATES = {file.stem: file.read_text() for file in (DOCS / "templates").glob("*.md")}
ERRORS = (DOCS / "errors.md").read_text()
SOURCES = [file for package in PACKAGES for file in (ROOT / package).rglob("*.py")]
SITES = [site for file in SOURCES for site in find_errors(file)]


def test_what_is_rendered_is_up_to_date() -> None:
    assert render_docs.main(["--check"]) == 0


def test_a_stale_document_fails_the_check_by_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rendered = {file: text + "drift" for file, text in render_docs.render().items()}
    monkeypatch.setattr(render_docs, "render", lambda: rendered)
    assert render_docs.main(["--check"]) == 1
    assert len(capsys.readouterr().err.splitlines()) == len(rendered)


@pytest.mark.parametrize("code", REMEDIES)
def test_every_code_is_raised_and_has_its_place_on_the_page(code: str) -> None:
    kinds = {site.kind for site in SITES if site.code == code}
    assert kinds
    assert kinds <= set(KINDS)
    assert ERRORS.count(f"\n### {code}\n") == 1


def test_every_code_in_the_source_is_in_the_catalogue() -> None:
    written = {code for file in SOURCES for code in find_codes(file)}
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
    assert {(site.code, site.kind) for site in find_errors(file)} == {
        ("key-missing", "DataRejected"), ("several", "DataRejected")}  # fmt: skip


class Timer(Spec):
    """When it rings."""

    after: Days = Field(7, description="Days to wait")
    loud: bool = False


class File(ProjectFile):
    """A project file with a new part."""

    timer: Timer = Field(Timer(), description="A new part")


def test_a_new_key_is_explained_without_work() -> None:
    page = render_project_page(make_schema(File), TEMPLATES["project-file"])
    assert "| `timer` | [timer](#timer) |  | A new part |" in page
    assert "## timer\n\nWhen it rings.\n" in page
    assert "| `after` | days | `7d` | Days to wait |" in page


def test_a_key_without_a_description_is_found() -> None:
    undescribed = list(find_undescribed("File", make_schema(File)))
    assert "Timer.loud" in undescribed
    assert "Timer.after" not in undescribed


def test_every_key_setting_command_and_option_has_a_description() -> None:
    assert render_docs.find_unexplained() == []


class Mail(BaseModel):
    """A mail server."""

    port: int = Field(25, ge=1, description="Port of the server")
    password: SecretStr | None = None


class MoreSettings(Settings):
    """Settings with new fields."""

    colour: str = Field("red", description="Colour of <b>the</b> page")
    mail: Mail = Field(Mail(), description="A mail server")


def test_a_new_setting_is_explained_without_work() -> None:
    page = render_settings_page(TEMPLATES["settings"], MoreSettings)
    assert "| `TIERRA_COLOUR` | text | `red` | Colour of &lt;b>the&lt;/b> page |" in page
    assert "| `TIERRA_MAIL__PORT` | whole number, at least 1 | `25` | Port of the server |" in page


def test_a_setting_without_a_description_fails_the_check(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert find_undescribed_settings(MoreSettings) == ["Mail.password"]
    monkeypatch.setattr(render_docs, "find_undescribed_settings", lambda: find_undescribed_settings(MoreSettings))
    assert render_docs.main(["--check"]) == 1
    assert capsys.readouterr().err == "Mail.password has no description\n"


def test_every_variable_that_env_files_and_sources_name_is_on_the_page_of_settings() -> None:
    named = set(re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    read = {name for file in SOURCES for name in re.findall(r"""environ(?:\.get\(|\[)["'](\w+)""", file.read_text())}
    page = (DOCS / "settings.md").read_text().replace("<NAME>", "WAREHOUSE")
    assert len(named) > 8
    assert [name for name in sorted(named | read) if f"`{name}`" not in page] == []


def an_app() -> typer.Typer:
    new = typer.Typer()

    @new.callback()
    def options(loud: Annotated[bool, typer.Option(help="Say more.")] = False) -> None:
        """What holds for every command."""

    @new.command("paint-it")
    def paint(
        wall: Annotated[str, typer.Argument(help="What to paint.")],
        coats: Annotated[int, typer.Option(help="How often.")] = 2,
        as_json: Annotated[bool, typer.Option("--json")] = False,
    ) -> None:
        """Paint a wall."""

    @new.command(hidden=True)
    def secret() -> None: ...

    @new.command()
    def dry() -> None: ...

    return new


def test_a_new_command_is_explained_without_work() -> None:
    page = render_command_page(TEMPLATES["command-line"], an_app())
    assert "## tierra paint-it\n\nPaint a wall.\n" in page
    assert "tierra paint-it WALL [--coats COATS] [--json]\n" in page
    assert "| `--coats` | How often. Default: `2`. |" in page
    assert "| `--loud` | Say more. |" in page
    assert "tierra secret" not in page


def test_a_command_or_an_option_without_help_is_found() -> None:
    assert find_undescribed_commands(an_app()) == ["dry", "paint-it --json"]


def test_every_command_and_option_that_typer_takes_is_on_the_page() -> None:
    taken = {
        (command.name, "--" + option.removeprefix("--"))
        for command in typer.main.get_command(app).commands.values()  # type: ignore[attr-defined]
        for parameter in command.params
        if parameter.param_type_name == "option"
        for option in parameter.opts
    }
    shown = {(command.name, each.name) for command in find_commands(app) for each in command.parameters}
    assert len(taken) > 20
    assert taken == {(command, name) for command, name in shown if name.startswith("--")}


def test_every_exit_code_is_on_the_page_of_commands() -> None:
    codes = {0, RED, REFUSED_CODE, *(kind.exit_code for kind in KINDS.values())}
    rows = re.findall(r"^\| (\d+) \|", (DOCS / "command-line.md").read_text(), re.MULTILINE)
    assert rows == [str(code) for code in sorted(codes)]


def find_anchors(file: Path) -> set[str]:
    return {make_anchor(line.lstrip("# ")) for line in file.read_text().splitlines() if line.startswith("#")}


def test_every_part_of_the_project_file_has_a_heading() -> None:
    anchors = find_anchors(DOCS / "project-file.md")
    assert {part.anchor for part in Reference(make_schema()).sections if part.path} <= anchors


DOCUMENTS = [*ROOT.glob("*.md"), *DOCS.glob("*.md"), *DOCS.glob("decisions/*.md")]


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: file.name)
def test_what_a_document_links_to_or_shows_is_there(file: Path) -> None:
    links = [link for link in re.findall(r"\]\(([^)\s]+)", file.read_text()) if not re.match(r"https?:|mailto:", link)]
    targets = [(link, file.parent / link.partition("#")[0] if link[0] != "#" else file) for link in links]
    assert [link for link, target in targets if not target.exists()] == []
    anchors = [(link.partition("#")[2], target) for link, target in targets if "#" in link]
    assert [anchor for anchor, target in anchors if anchor not in find_anchors(target)] == []


def test_the_tests_that_the_promises_name_are_there() -> None:
    named = re.findall(r"`[\w/]*?(test_\w+)(\.py|\.\.\.)?`", (DOCS / "exactly-once.md").read_text())
    tests = list((ROOT / "tests").rglob("test_*.py"))
    functions = "\n".join(file.read_text() for file in tests)
    missing = [name for name, end in named if not (
        any(file.stem == name for file in tests) if end == ".py" else f"def {name}" in functions)]  # fmt: skip
    assert len(named) > 15
    assert missing == []


# The changelog names what is gone.
MAY_BE_GONE = ("CHANGELOG.md",)
CURRENT = [file for file in DOCUMENTS if file.name not in MAY_BE_GONE]


@pytest.mark.parametrize("file", CURRENT, ids=lambda file: file.name)
def test_the_modules_that_a_document_names_are_there(file: Path) -> None:
    named = re.findall(rf"`((?:{'|'.join([*PACKAGES, 'tests', 'scripts'])})/[\w/.]+)`", file.read_text())
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_commands_that_documents_call_are_there() -> None:
    text = "\n".join(file.read_text() for file in CURRENT)
    called = set(re.findall(r"(?:`|bin/|^)tierra ([a-z]+)", text, re.MULTILINE))
    assert len(called) > 8
    assert called <= {command.name for command in find_commands(app)}


def test_both_readmes_have_the_same_parts_links_and_code() -> None:
    english, spanish = (_outline((ROOT / name).read_text()) for name in ("README.md", "README.es.md"))
    assert english == spanish


def _outline(text: str) -> list[str]:
    """Levels of headings, targets of links other than the READMEs, and lines of code without comments, in order."""
    code = [line.partition("#")[0].strip() for block in re.findall(r"```\w+\n(.*?)```", text, re.DOTALL)
            for line in block.splitlines() if not line.startswith("git clone")]  # fmt: skip
    links = [link for link in re.findall(r"\]\(([^)\s]+)", text) if "README" not in link]
    return [*re.findall(r"^#+", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE), *links, *code]
