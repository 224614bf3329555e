"""The cards of a release: made when it is registered, kept in the store beside it, read again as they were."""

from collections.abc import Mapping

from tierra.data.profile import Profile
from tierra.errors import Broken
from tierra.model.documents import Document, Kind, to_markdown
from tierra.model.evaluation import Evaluation
from tierra.model.release import Champion, Release
from tierra.project.project import Project
from tierra.steps.champion import champion_project
from tierra.steps.data_card import make_data_card
from tierra.steps.evaluate import read_evaluations
from tierra.steps.model_card import make_model_card
from tierra.store.refs import ObjectRef
from tierra.store.values import keep_value, read_value
from tierra.workspace import Workspace

CARDS: tuple[Kind, ...] = ("model", "data")


def make_cards(
    project: Project, release: Release, measured: Mapping[str, Evaluation], profile: Profile | None
) -> tuple[Document, ...]:
    """The model card and the data card of a release."""
    return make_model_card(project, release, measured), make_data_card(project, release, profile)


def keep_cards(workspace: Workspace, cards: tuple[Document, ...]) -> dict[str, ObjectRef]:
    """The cards in the store, by kind."""
    return {each.kind: keep_value(workspace.objects, "cards/", each) for each in cards}


def card_files(cards: tuple[Document, ...]) -> dict[str, bytes]:
    """The cards in Markdown, as MLflow shows them beside the release."""
    return {f"{each.kind}_card.md": to_markdown(each).encode() for each in cards}


def read_card(workspace: Workspace, champion: Champion, kind: Kind) -> Document:
    """The card of a champion as it was kept; of one from before there were cards, made of what is kept of it."""
    if ref := champion.release.cards.get(kind):
        return read_value(workspace.objects, ref, Document)
    project = champion_project(workspace, champion).for_task(champion.release.labels.task)
    measured = read_evaluations(workspace, champion)
    made = make_cards(project, champion.release, measured, _profile(workspace, champion.release.profile))
    return next(each for each in made if each.kind == kind)


def _profile(workspace: Workspace, ref: ObjectRef | None) -> Profile | None:
    try:
        return read_value(workspace.objects, ref, Profile) if ref else None
    except (FileNotFoundError, Broken):
        return None
