"""What decides a training's result, as one digest: whether the champion comes from the same."""

from collections.abc import Mapping
from typing import Final

from tierra.data.code import load_code
from tierra.model.release import Champion
from tierra.project.project import Project
from tierra.store.memo import code_version, digest

# All of a project file that decides a training's result.
JUDGED = {"sources", "joins", "contract", "prepare", "features", "target", "task", "positive", "weight", "split",
          "preprocessing", "balance", "candidates", "gate", "decision", "card",
          "effort", "refit", "complexity"}  # fmt: skip
# The last step of a training: what it imports are all the steps.
LAST_STEP: Final = "tierra.steps.register"


def training_inputs(project: Project, datasets: Mapping[str, str], variant: str = "") -> str:
    """Digest of all that decides a training's result: data, project file, the project's code and ours.

    `variant` says of a smaller variant of a champion which it is.
    """
    judged = project.model_dump(mode="json", include=JUDGED, exclude={"gate": {"approval"}})
    code = load_code(project.folder, project.every_function).files
    return digest([dict(datasets), judged, dict(code), code_version(LAST_STEP), *([variant] if variant else [])])


def is_same_training(project: Project, datasets: Mapping[str, str], champion: Champion, variant: str = "") -> bool:
    """Whether the champion came from the same data, project file and code; `datasets` are digests by source."""
    return champion.release.inputs == training_inputs(project, datasets, variant)
