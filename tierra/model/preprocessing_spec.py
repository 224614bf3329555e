"""Preprocessing in a project file: how each feature becomes numbers, and what is predicted in which unit."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from tierra.spec import ClassName, Column, OneOrMany, Share, Spec, as_list

Kind = Literal["number", "cyclic", "category", "text", "left_out"]
Gaps = Literal["fill", "drop", "forbid"]
Impute = Literal["mean", "median", "most_frequent", "constant", "knn", "iterative", "none"]
Scaling = Literal["standard", "robust", "min_max", "power", "quantile_normal", "none"]
Encode = Literal["by_model", "one_hot", "ordinal", "target", "hash", "tfidf"]
Outliers = Literal["keep", "clip", "flag", "quarantine"]
Fence = Literal["iqr", "quantile", "isolation_forest"]
# Each scaling named makes a column of its own.
Scalings = Annotated[tuple[Scaling, ...], BeforeValidator(as_list), Field(min_length=1), OneOrMany()]
OfTarget = Literal["auto", "log", "none"]
Bins = Annotated[int, Field(ge=2, le=100)]
Pair = Annotated[tuple[Column, ...], BeforeValidator(tuple), Field(min_length=2, max_length=2)]
TEXT_ENCODINGS = ("tfidf", "hash")
CATEGORY_ENCODINGS = ("by_model", "one_hot", "ordinal", "target", "hash")


def _refuse_clipping(outliers: str | None, fence: str | None) -> None:
    if (outliers, fence) == ("clip", "isolation_forest"):
        raise ValueError("an isolation forest has no fence to clip to: use flag or quarantine")


class Treatment(Spec):
    """How one feature is prepared; what is not stated is inferred."""

    kind: Kind | None = Field(None, description="What the feature is read as; inferred from its values when not stated")
    gaps: Gaps | None = Field(
        None,
        description="Rows with a gap: filled; left out of training and of predictions, with a reason; or refused",
    )
    impute: Impute | None = Field(None, description="What fills gaps")
    fill: float | str | None = Field(None, description="The value of `impute: constant`; 0, or the text missing")
    indicator: bool | None = Field(None, description="Whether each filled gap is flagged in a column of its own")
    outliers: Outliers | None = Field(
        None, description="Numbers far out: kept, clipped to the fence, flagged, or set aside"
    )
    fence: Fence | None = Field(None, description="What numbers far out are")
    bins: Bins | None = Field(None, description="Numbers become so many bins of like many training rows")
    scale: Scalings | None = Field(
        None, description="How numbers are scaled for models that need it; a column for each name"
    )
    period: Annotated[float, Field(gt=0)] | None = Field(
        None, description="The length of the circle of a `cyclic` number, such as 24 of an hour"
    )
    encode: Encode | None = Field(None, description="How a category or a text becomes numbers")
    order: Annotated[tuple[str, ...], BeforeValidator(tuple)] = Field((), description="Its values from low to high")
    transformer: ClassName | None = Field(
        None, description="A transformer of the project's own as file:Class; it is given the column as it is"
    )

    @field_validator("order", mode="before")
    @classmethod
    def _texts(cls, values: Any) -> Any:
        return tuple(str(value) for value in values)

    @field_validator("fill", mode="before")
    @classmethod
    def _number_or_text(cls, value: Any) -> Any:
        return float(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @model_validator(mode="after")
    def _fits(self) -> Self:
        _refuse_clipping(self.outliers, self.fence)
        if self.kind == "text" and self.encode not in (None, *TEXT_ENCODINGS):
            raise ValueError(f"text is encoded by {' or '.join(TEXT_ENCODINGS)}")
        if self.kind == "category" and self.encode == "tfidf":
            raise ValueError("tfidf encodes `kind: text`")
        if self.fill is not None and self.impute != "constant":
            raise ValueError("`fill` is the value of `impute: constant`: state that too")
        if self.order and self.encode == "hash":
            raise ValueError("hashing has no order: leave `order` or `encode: hash` out")
        return self


class Preprocessing(Spec):
    """How features are prepared unless a column states otherwise."""

    gaps: Gaps = Field(
        "fill",
        description="Rows with a gap in a number: filled; left out of training and of the predictions; or refused",
    )
    impute: Impute = Field("mean", description="What fills gaps in numbers")
    indicator: bool = Field(True, description="Whether each filled gap is flagged in a column of its own")
    outliers: Outliers = Field("keep", description="Numbers far out: kept, clipped to the fence, flagged, or set aside")
    fence: Fence = Field(
        "iqr",
        description="Far out is beyond Q1 - 3 IQR or Q3 + 3 IQR of training, its `fence_share`, or what a forest says",
    )
    fence_share: Share = Field(
        0.01, description="Share of training that is far out, by `quantile` or `isolation_forest`"
    )
    scale: Scalings | None = Field(
        None,
        description="How numbers are scaled for models that need it, a column for each name; inferred when not stated",
    )
    rare: int = Field(20, ge=1, description="Categories in fewer training rows than this, or than 1 %, are grouped")
    most_categories: int = Field(200, ge=2, le=2000, description="Categories kept of one feature; the rest are grouped")
    buckets: int = Field(32, ge=2, le=4096, description="Columns that `encode: hash` makes of a feature")
    words: int = Field(100, ge=2, le=5000, description="Words kept of a text by `encode: tfidf`, the most frequent")
    text: Share = Field(0.5, description="Text with more different values than this share of its rows is no category")
    interactions: Annotated[tuple[Pair, ...], BeforeValidator(tuple)] = Field(
        (), description="Pairs of features of which models get the product, or each pair of values of categories"
    )
    target: OfTarget = Field(
        "auto",
        description="A regression is fitted to the logarithm of its target; `auto` where that is skewed and positive",
    )
    columns: dict[Column, Treatment] = Field(default_factory=dict, description="Preparation of single features")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        _refuse_clipping(self.outliers, self.fence)
        if self.impute == "constant":
            raise ValueError("a constant is of one column: state `impute` and `fill` there")
        if twice := next((one for one, other in self.interactions if one == other), ""):
            raise ValueError(f"interactions: a pair is of two features, not of '{twice}' with itself")
        return self
