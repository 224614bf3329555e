"""LightGBM as a candidate: a text that is not a whole model is never given to it, and its reasons add up."""

import re

import pytest

from tests.cases import each
from tests.unit.test_boosters import SMALL, a_booster, fuzz
from tests.unit.test_estimators import TASKS, examples, fit
from tierra.model.artifact import predict
from tierra.model.boosters import BadText
from tierra.model.lightgbm_text import check_text
from tierra.model.reasons import reasons_of
from tierra.spec import Task


def a_text() -> str:
    return str(a_booster("lightgbm").text_)


def test_its_reasons_add_up() -> None:
    def add_up(task: Task) -> None:
        rows = examples(task)
        model = fit(SMALL["lightgbm"], rows)
        scores = predict(model, rows.table, rows.labels)
        assert len(reasons_of(model, rows.table, scores, rows.labels, 2)) == len(rows.table)

    each(TASKS, add_up)


def test_a_text_that_is_no_whole_model_is_refused_before_lightgbm_reads_it() -> None:
    text = a_text()
    check_text(text)

    def refused(change: tuple[str, str], says: str) -> None:
        damaged = text.replace(*change, 1)
        assert damaged != text
        with pytest.raises(BadText, match=says):
            # The sizes are made to fit, so that it is what was changed that is refused.
            check_text(resized(damaged))

    names = ("split_feature", "decision_type", "left_child")
    feature, kind, child = (str(re.findall(rf"{name}=-?\d+", text)[0]) for name in names)
    each(
        [
            ((feature, "split_feature=9"), "a feature that is none"),
            ((feature, "split_feature=-1"), "a feature that is none"),
            (("num_leaves=6", "num_leaves=7"), "not as many"),
            (("num_leaves=6", "num_leaves=999999999"), "leaves"),
            ((child, "left_child=0"), "circle|form a tree"),
            (("right_child=", "right_child=77 "), "not as many"),
            (("num_cat=0", "num_cat=1"), "categories"),
            ((kind, "decision_type=1"), "categories"),
            (("is_linear=0", "is_linear=1"), "linear"),
            (("leaf_value=", "leaf_value=nan "), "no number"),
            (("num_class=1", "num_class=9"), "classes"),
            (("binary sigmoid:1", "multiclass num_class:9"), "classes"),
            (("binary sigmoid:1", "custom"), "classes"),
            (("max_feature_idx=", "max_feature_idx=9"), "features"),
            (("version=v4", "version=v3"), "objective"),
            (("Tree=1", "Tree=2"), "tree 1 holds"),
            (("shrinkage=1", "shrinkage=1\ncat_boundaries=0 9"), "tree 0 holds"),
            (("end of trees", "end of"), "no text"),
        ],
        refused,
    )
    with pytest.raises(BadText, match="tree_sizes"):
        check_text(text.replace("tree_sizes=", "tree_sizes=9"))


def resized(text: str) -> str:
    head, _, body = text.removesuffix("end of trees\n").partition("\n\n")
    sizes = " ".join(str(len(block)) for block in re.split(r"(?<=\n\n\n)", body) if block)
    return re.sub(r"tree_sizes=.*", f"tree_sizes={sizes}", head) + f"\n\n{body}" + text[len(head) + 2 + len(body) :]


FUZZ = """
import random, sys
import numpy as np
from tests.unit.test_lightgbm import resized
from tierra.model.boosters import BadText
from tierra.model.lightgbm_text import check_text
from lightgbm import Booster
text, draw = sys.stdin.read(), random.Random(0)
rows = np.random.default_rng(0).normal(size=(40, 3))
refused = read = 0
for _ in range(400):
    words = text.replace("=", "= ").split(" ")
    for place in draw.sample(range(len(words)), draw.choice((1, 1, 2))):
        words[place] = draw.choice(("0", "-1", "7", "1000000", "-1000000", "1e308", "-0.5", "", "x", words[place - 1]))
    damaged = resized(" ".join(words).replace("= ", "="))
    try:
        check_text(damaged)
    except (BadText, ValueError, KeyError):
        refused += 1
        continue
    try:
        Booster(model_str=damaged).predict(rows, pred_contrib=draw.random() < 0.3)
    except Exception:
        pass
    read += 1
print(refused, read)
"""


def test_whatever_stands_in_a_text_lightgbm_is_never_led_out_of_its_memory() -> None:
    refused, read = fuzz(FUZZ, a_text())
    assert refused > 150
    assert read > 20
