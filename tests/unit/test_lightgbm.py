"""LightGBM as a candidate: its text comes back to the bit, and one that is not a whole model is never given to it."""

import hashlib
import re
import subprocess
import sys

import numpy as np
import pytest

from tests.cases import each
from tests.unit.test_estimators import TASKS, examples, fit
from tierra.errors import Broken, Misconfigured
from tierra.model.artifact import check_agreement, dump_model, inner_model, load_model, predict
from tierra.model.candidates import fit_candidate
from tierra.model.lightgbm_text import BadText, check_text
from tierra.model.reasons import reasons_of
from tierra.model.spec import Model
from tierra.spec import Task

SMALL = {"n_estimators": 4, "num_leaves": 6}


def a_text(task: Task = "binary") -> str:
    fitted = fit_candidate(Model(model="lightgbm", params=SMALL), examples(task))
    return str(fitted.named_steps["model"].text_)


def test_a_model_comes_back_to_the_bit_and_its_reasons_add_up() -> None:
    def same(task: Task) -> None:
        rows = examples(task)
        model = fit(Model(model="lightgbm", params=SMALL), rows)
        data = dump_model(model)
        again = load_model(data, hashlib.sha256(data).hexdigest(), "here")
        scores = predict(model, rows.table, rows.labels)
        np.testing.assert_array_equal(predict(again, rows.table, rows.labels).scores, scores.scores)
        check_agreement(model, rows.table.head(12), rows.labels)
        assert len(reasons_of(again, rows.table, scores, rows.labels, 2)) == len(rows.table)

    each(TASKS, same)


def test_a_text_that_is_no_whole_model_is_refused_before_lightgbm_reads_it() -> None:
    text = a_text()
    check_text(text)

    def refused(change: tuple[str, str], says: str) -> None:
        damaged = text.replace(*change, 1)
        assert damaged != text
        with pytest.raises(BadText, match=says):
            # The sizes are made to fit, so that it is what was changed that is refused.
            check_text(resized(damaged))

    feature, kind = (str(re.findall(rf"{name}=\d+", text)[0]) for name in ("split_feature", "decision_type"))
    each(
        [
            ((feature, "split_feature=9"), "a feature that is none"),
            ((feature, "split_feature=-1"), "a feature that is none"),
            (("num_leaves=6", "num_leaves=7"), "not as many"),
            (("num_leaves=6", "num_leaves=999999999"), "leaves"),
            (("left_child=1", "left_child=0"), "circle|form a tree"),
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
from tierra.model.lightgbm_text import BadText, check_text
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
    """In a process of its own: reading what it should not would end it."""
    done = subprocess.run([sys.executable, "-c", FUZZ], input=a_text(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-800:]
    refused, read = map(int, done.stdout.split())
    assert refused > 150
    assert read > 20


def test_a_text_with_another_digest_is_refused_when_it_is_loaded() -> None:
    rows = examples("binary")
    model = fit(Model(model="lightgbm", params=SMALL), rows)
    inside = inner_model(model).named_steps["model"]
    inside.text_ = inside.text_.replace("leaf_value=", "leaf_value=0")
    data = dump_model(model)
    with pytest.raises(Broken, match=r"not a readable model.*artifact-unsafe"):
        load_model(data, hashlib.sha256(data).hexdigest(), "here")


def test_without_the_library_one_line_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = examples("binary")
    data = dump_model(fit(Model(model="lightgbm", params=SMALL), rows))
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    for act in (
        lambda: fit(Model(model="lightgbm"), rows),
        lambda: load_model(data, hashlib.sha256(data).hexdigest(), ""),
    ):
        with pytest.raises(Misconfigured, match=r"which is not installed.*lightgbm-missing"):
            act()
