"""How the rows a model learns from are balanced, in a project file."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, WithJsonSchema

from tierra.model.row_rule import parse_rule
from tierra.spec import AS_FUNCTION, FUNCTION, FunctionName, Name, Spec, Task

NONE = "none"
CLASS_WEIGHT = "class_weight"
SAMPLERS = ("over", "under", "smote")
WORDS = (CLASS_WEIGHT, *SAMPLERS)


def _named(key: str) -> Callable[[dict[str, Any]], str]:
    """The name of a balance that states none: its word, or its function's name."""

    def name(data: dict[str, Any]) -> str:
        return str(data.get(key, "")).rpartition(":")[2]

    return name


def _rules(value: Any) -> Any:
    rules = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else value
    for rule in rules if isinstance(rules, tuple) else ():
        if not (isinstance(rule, str) and FUNCTION.match(rule)):
            parse_rule(rule)
    return rules


def _weights(value: Any) -> Any:
    if value == CLASS_WEIGHT or (isinstance(value, str) and FUNCTION.match(value)):
        return value
    raise ValueError("class_weight, or a function of the training rows as file:name")


class Resample(Spec):
    """Rows drawn again, left out, or made between neighbours, until the classes have like many."""

    resample: Literal["over", "under", "smote"] = Field(
        description="`over` repeats rows of smaller classes, `under` leaves rows of larger ones out, `smote` makes new"
        " rows between neighbours of smaller classes (SMOTENC where there are categories)"
    )
    ratio: float = Field(1.0, gt=0, le=1, description="Rows of a smaller class for each row of the largest, afterwards")
    neighbours: int = Field(5, ge=1, le=100, description="Nearest rows of the same class that `smote` makes rows with")
    name: Name = Field(default_factory=_named("resample"), description="Name of the way; its word when not stated")

    @property
    def functions(self) -> tuple[str, ...]:
        """The project's functions that it calls: none."""
        return ()


class Weigh(Spec):
    """Rows with weights of their own, over those of the project's `weight`."""

    weigh: Annotated[
        str, BeforeValidator(_weights), WithJsonSchema({"anyOf": [{"const": CLASS_WEIGHT}, AS_FUNCTION]})
    ] = Field(
        description="`class_weight`, by which each class weighs alike, or a function of the training rows, features and"
        " target, that returns a weight for each"
    )
    name: Name = Field(default_factory=_named("weigh"), description="Name of the way; the function's when not stated")

    @property
    def functions(self) -> tuple[str, ...]:
        """The project's functions that it calls."""
        return () if self.weigh == CLASS_WEIGHT else (self.weigh,)


class Augment(Spec):
    """Rows of the project's own making beside the training rows."""

    augment: FunctionName = Field(
        description="A function of the training rows, features and target, that returns the rows to add in the same"
        " columns"
    )
    name: Name = Field(default_factory=_named("augment"), description="Name of the way; the function's when not stated")

    @property
    def functions(self) -> tuple[str, ...]:
        """The project's functions that it calls."""
        return (self.augment,)


class Remove(Spec):
    """Rows that nothing is learnt from."""

    remove: Annotated[tuple[str, ...], BeforeValidator(_rules), Field(min_length=1)] = Field(
        description="Conditions such as `tenure < 2 and contract == 'monthly'` on features and target, or functions of"
        " the training rows that return for each whether it goes, or the reason why"
    )
    name: Name = Field("remove", description="Name of the way")

    @property
    def functions(self) -> tuple[str, ...]:
        """The project's functions that it calls."""
        return tuple(each for each in self.remove if FUNCTION.match(each))


def _from_word(value: Any) -> Any:
    if isinstance(value, str) and value in WORDS:
        return {"weigh": value} if value == CLASS_WEIGHT else {"resample": value}
    return value


def _kind(value: Any) -> str | None:
    keys = value if isinstance(value, dict) else vars(value) if isinstance(value, Spec) else ()
    return next((key for key in ("resample", "weigh", "augment", "remove") if key in keys), None)


Tagged = Annotated[
    Annotated[Resample, Tag("resample")]
    | Annotated[Weigh, Tag("weigh")]
    | Annotated[Augment, Tag("augment")]
    | Annotated[Remove, Tag("remove")],
    Discriminator(
        _kind,
        custom_error_type="balance",
        custom_error_message=f"one of {', '.join(WORDS)}, or a mapping that starts with resample, weigh, augment or"
        " remove",
    ),
]


class _OrWord:
    """JSON schema for editors: the plain ways are a word."""

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
        return {"anyOf": [{"enum": list(WORDS)}, handler(core)]}


Balance = Annotated[Tagged, BeforeValidator(_from_word), _OrWord()]


def _listed(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else (value,) if isinstance(value, str | dict) else value


Balances = Annotated[tuple[Balance, ...], BeforeValidator(_listed)]


def needs_classes(balance: Balance) -> bool:
    """Whether it looks at the classes of the target."""
    return isinstance(balance, Resample) or (isinstance(balance, Weigh) and balance.weigh == CLASS_WEIGHT)


def why_not(balance: Balance, task: Task) -> str:
    """Why a task has no use for it; empty where it has."""
    return f"{balance.name} balances classes" if task == "regression" and needs_classes(balance) else ""
