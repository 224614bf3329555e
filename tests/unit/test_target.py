"""The target: its task is inferred, its classes are in order, and what is no target is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tierra.data.code import ProjectCode
from tierra.data.labels import Labels
from tierra.data.recipe import Recipe
from tierra.data.spellings import is_positive, means_yes
from tierra.data.target import make_target, make_weight
from tierra.errors import DataRejected, Misconfigured, TierraError

NOTHING = ProjectCode(Path())


def make(values: Any, **said: Any) -> tuple[list[float | None], Labels]:
    """The codes, None where there is no label, and what they mean."""
    rows = pd.DataFrame({"y": pd.Series(values)})
    target, labels = make_target(Recipe(target="y", target_column="y", **said), NOTHING, rows)
    return [None if np.isnan(value) else value for value in target], labels


def refused(values: Any, **said: Any) -> TierraError:
    with pytest.raises(TierraError) as caught:
        make(values, **said)
    return caught.value


TASKS: dict[str, tuple[Any, str]] = {
    "two texts": (["no", "yes", "no"], "binary"),
    "booleans": ([True, False, True], "binary"),
    "booleans with gaps, read as numbers": ([1.0, 0.0, np.nan, 1.0], "binary"),
    "zeros and ones": ([0, 1, 1, 0], "binary"),
    "zeros and ones as floats": ([0.0, 1.0, 1.0], "binary"),
    "two whole numbers": ([7, 9, 7], "binary"),
    "two numbers": ([0.5, 2.25, 0.5], "binary"),
    "few whole numbers": ([1, 2, 3] * 9, "multiclass"),
    "few whole numbers with gaps": ([1.0, 2.0, 3.0, np.nan] * 9, "multiclass"),
    "twenty whole numbers": (list(range(20)) * 3, "multiclass"),
    "twenty-one whole numbers": (list(range(21)) * 3, "regression"),
    "three fractions": ([0.5, 1.0, 1.5] * 9, "regression"),
    "many numbers": (np.linspace(0, 1, 50), "regression"),
    "several texts": (["a", "b", "c"] * 4, "multiclass"),
}


@pytest.mark.parametrize(("values", "task"), TASKS.values(), ids=TASKS)
def test_the_task_follows_from_the_values(values: Any, task: str) -> None:
    assert make(values)[1].task == task


def test_a_stated_task_comes_before_the_inferred_one() -> None:
    assert make([1, 2, 3] * 9, task="regression")[1] == Labels(task="regression", classes=())
    assert make([0, 1, 1, 0], task="multiclass")[1] == Labels(task="multiclass", classes=("0", "1"))


def test_classes_are_in_the_order_of_their_names_and_numbers_in_their_own() -> None:
    assert make([10, 9, 2] * 3)[1].classes == ("2", "9", "10")
    assert make(["b", "a", "Ñ"] * 3)[1].classes == ("a", "b", "Ñ")
    codes, labels = make(["low", "high", None, "mid", "low"] * 2)
    assert codes[:5] == [1.0, 0.0, None, 2.0, 1.0]
    assert labels.classes == ("high", "low", "mid")


def test_one_is_the_same_class_however_it_is_written() -> None:
    assert make([1.0, 2.0, 3.0] * 3)[1] == make([1, 2, 3] * 3)[1]


@pytest.mark.parametrize(
    ("values", "classes"),
    [(["no", "yes"], ("no", "yes")), (["Yes", "no"], ("no", "Yes")), ([True, False], ("False", "True")),
     ([1.0, 0.0, np.nan], ("0", "1")), (["t", "u"], ("u", "t")), (["b", "a"], ("a", "b")), ([7, 9], ("7", "9"))],
)  # fmt: skip
def test_the_class_to_predict_says_yes_or_comes_last(values: Any, classes: tuple[str, str]) -> None:
    assert make(values)[1].classes == classes


@pytest.mark.parametrize(
    ("values", "positive", "first"),
    [(["no", "yes"], "no", 1.0), ([0, 1], 0, 1.0), ([True, False], False, 0.0), ([1.0, 0.0, np.nan], False, 0.0),
     ([1.0, 0.0, np.nan], True, 1.0), (["1", "0"], 0, 0.0)],
)  # fmt: skip
def test_the_class_to_predict_can_be_stated(values: Any, positive: Any, first: float) -> None:
    assert make(values, positive=positive)[0][0] == first


def test_rows_without_a_label_have_no_code() -> None:
    assert make(["a", None, "b"])[0] == [0.0, None, 1.0]
    assert make([1.5, np.nan, 2.5, 3.5])[0] == [1.5, None, 2.5, 3.5]


REFUSED: dict[str, tuple[Any, dict[str, Any], str]] = {
    "one text": (["a", "a"], {}, "target-one-class"),
    "one number": ([2.5, 2.5], {}, "target-one-class"),
    "no label at all": ([None, None], {}, "target-one-class"),
    "no number at all": ([np.nan, np.nan], {}, "target-one-class"),
    "three values of a yes or no": (["a", "b", "c"] * 3, {"task": "binary"}, "target-not-binary"),
    "a sign for no value": (["a", "-", "b", "a"] * 9, {}, "target-gaps"),
    "a sign beside a yes or no": (["yes", "?", "no"] * 9, {"task": "binary"}, "target-gaps"),
    "text of a regression": (["a", "b", "c"], {"task": "regression"}, "target-not-numeric"),
    "infinity": ([1.5, np.inf, 2.5, 4.5], {}, "target-not-numeric"),
    "a class a row": ([f"v{number}" for number in range(40)], {}, "target-many-classes"),
    "more than a hundred classes": ([f"v{number % 101}" for number in range(999)], {}, "target-many-classes"),
    "numbers as classes": (np.linspace(0, 1, 50), {"task": "multiclass"}, "target-many-classes"),
}


@pytest.mark.parametrize(("values", "said", "code"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_target_is_refused(values: Any, said: Any, code: str) -> None:
    error = refused(values, **said)
    assert (type(error), error.code) == (DataRejected, code)
    assert "'y'" in error.what


def test_a_sign_is_a_class_of_two_or_where_classes_are_stated() -> None:
    assert make(["+", "-"] * 3)[1].classes == ("+", "-")
    assert make(["+", "-", "0"] * 3, task="multiclass")[1].classes == ("0", "+", "-")


def test_a_class_to_predict_that_is_not_there_is_refused() -> None:
    error = refused(["a", "b"], positive="c")
    assert (type(error), error.code) == (Misconfigured, "value-invalid")
    assert "'c'" in error.what


def test_a_target_that_is_not_there_is_refused_and_the_columns_are_named() -> None:
    with pytest.raises(DataRejected, match=r"no column 'z' \(available: y\).*target-missing"):
        make_target(Recipe(target="z", target_column="z"), NOTHING, pd.DataFrame({"y": [1, 2]}))


def weigh(values: Any, function: Any = None) -> pd.Series | None:
    recipe = Recipe(target="y", target_column="y", weight="w")
    code = ProjectCode(Path(), {"weight": function} if function else {})
    return make_weight(recipe, code, pd.DataFrame({"w": pd.Series(values)}))


def test_weights_are_a_column_or_a_function_of_the_rows_or_none() -> None:
    assert weigh([1, 0, 2.5]).tolist() == [1.0, 0.0, 2.5]
    assert weigh([1, 2, 3], lambda rows: rows["w"] ** 2).tolist() == [1.0, 4.0, 9.0]
    assert make_weight(Recipe(target="y", target_column="y"), NOTHING, pd.DataFrame({"w": [1]})) is None


@pytest.mark.parametrize("values", [[1, -0.1], [1, np.nan], [1, np.inf], [0, 0], ["a", "b"]], ids=str)
def test_weights_that_weigh_nothing_are_refused(values: Any) -> None:
    with pytest.raises(DataRejected, match="weight-invalid"):
        weigh(values)


def test_a_weight_function_gives_one_value_a_row() -> None:
    with pytest.raises(DataRejected, match="function-result"):
        weigh([1, 2, 3], lambda rows: np.ones(2))


NO_YES = Labels(classes=("no", "yes"))
FALSE_TRUE = Labels(classes=("False", "True"))
SPELT: dict[str, tuple[Any, Labels]] = {
    "as they were": (["no", "yes", None], NO_YES),
    "numbers for words": ([0, 1, np.nan], NO_YES),
    "words for numbers": (["no", "yes", None], Labels(classes=("0", "1"))),
    "numbers with a point": (["0.0", "1.0", None], Labels(classes=("0", "1"))),
    "booleans read as numbers": ([0.0, 1.0, np.nan], FALSE_TRUE),
    "booleans as objects": ([False, True, pd.NA], FALSE_TRUE),
    "booleans of pandas": (pd.array([False, True, None], dtype="boolean"), FALSE_TRUE),
    "integers of pandas": (pd.array([0, 1, None], dtype="Int64"), FALSE_TRUE),
    "booleans for integers": (pd.array([False, True, None], dtype="boolean"), Labels(classes=("0", "1"))),
    "letters": (["N", "Y", None], FALSE_TRUE),
    "spaces": ([" no", "yes ", None], NO_YES),
    "no is what is predicted": (["TRUE", "FALSE", None], Labels(classes=("yes", "no"))),
    "names of no meaning": (["left", "right", None], Labels(classes=("left", "right"))),
}


def make_known(values: Any, known: Labels, **stated: Any) -> list[float | None]:
    rows = pd.DataFrame({"id": [f"k{at}" for at in range(len(values))], "y": pd.Series(values)})
    recipe = Recipe(target="y", target_column="y", **{"key": ("id",), **stated})
    target, labels = make_target(recipe, NOTHING, rows, known)
    assert labels == known
    return [None if np.isnan(value) else value for value in target]


@pytest.mark.parametrize("case", SPELT)
def test_the_classes_of_the_release_stay_however_they_are_written(case: str) -> None:
    values, known = SPELT[case]
    assert make_known(values, known) == [0, 1, None]


STRANGE: dict[str, tuple[Any, Labels, str]] = {
    "a third value": (["no", "yes", "maybe", "maybe"], NO_YES, "'maybe' in 2 rows (id k2, k3); the champion's"),
    "a third number": ([0, 1, 2], Labels(classes=("0", "1")), "'2' in 1 rows (id k2)"),
    "another case is another name": (["left", "RIGHT"], Labels(classes=("left", "right")), "'RIGHT' in 1 rows"),
    "a leading zero": (["1", "2", "01"], Labels(task="multiclass", classes=("1", "2", "3")), "'01' in 1 rows"),
    "a new class": (["a", "b", "d"], Labels(task="multiclass", classes=("a", "b", "c")), "'d' in 1 rows"),
    "an infinite number": ([0.0, 1.0, np.inf], Labels(classes=("0", "1")), "'inf' in 1 rows"),
    "an empty name": (["no", "yes", ""], NO_YES, "'' in 1 rows"),
}


@pytest.mark.parametrize("case", STRANGE)
def test_a_value_that_is_no_class_of_the_release_is_rejected_by_name(case: str) -> None:
    values, known, words = STRANGE[case]
    with pytest.raises(DataRejected) as caught:
        make_known(values, known)
    assert caught.value.code == "target-values"
    assert words in caught.value.what


def test_a_number_stays_a_number_however_few_values_it_has() -> None:
    number = Labels(task="regression", classes=())
    assert make_known(pd.array([1, 2, None], dtype="Int64"), number) == [1, 2, None]
    assert make_known(pd.Series([1, 2, pd.NA], dtype="object"), number) == [1, 2, None]
    with pytest.raises(DataRejected, match="target-not-numeric"):
        make_known(["1", "two"], number)


def test_a_class_that_is_gone_today_keeps_its_code() -> None:
    assert make_known(["c", "a"], Labels(task="multiclass", classes=("a", "b", "c"))) == [2, 0]
    with pytest.raises(DataRejected, match="target-one-class"):
        make_known(["yes", "yes"], NO_YES)


def test_what_is_stated_as_positive_is_compared_with_the_release() -> None:
    for stated, labels, same in (
        (True, NO_YES, True), ("yes", NO_YES, True), (1, FALSE_TRUE, True), (None, NO_YES, True), ("no", NO_YES, False),
        (None, Labels(classes=("yes", "no")), False), ("other", NO_YES, False),
        (None, Labels(task="regression", classes=()), True),
    ):  # fmt: skip
        assert is_positive(labels, stated) is same, (stated, labels)


def test_each_way_to_write_yes_or_no_is_known_and_no_other() -> None:
    for words, meaning in (("1 true yes y t", True), ("0 false no n f", False), ("2 si x", None)):
        for word in (*words.split(), *words.upper().split(), f" {words.split()[0]}.00 "):
            assert means_yes(word) is (None if word == " 2.00 " else meaning), word


def test_classes_that_a_person_takes_for_one_are_named() -> None:
    assert make(["Yes", "Yes ", "no"] * 20)[1].nearly_alike == [("Yes", "Yes ")]
    assert make(["New  York", "new york", "Łódź", "Lodz"] * 20)[1].nearly_alike == [("New  York", "new york")]
    assert make([1, 2, 3] * 20)[1].nearly_alike == []
