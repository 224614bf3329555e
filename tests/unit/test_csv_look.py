"""What a look at a CSV file suggests: only what reads it more rightly than it is read already."""

from tests.cases import each
from tierra.data.csv_form import CsvForm
from tierra.data.csv_look import find_decimal


def test_commas_before_three_digits_and_a_point_part_thousands() -> None:
    def finds(cells: list[str], decimal: str | None) -> None:
        assert find_decimal([cells], CsvForm()) == decimal

    each(
        [
            (["1,234.5", "20.1", "10,010.0"], None),
            (["1,234,567.8", "10,010.0"], None),
            (["1,234", "2,345"], None),
            (["12,5", "3,25", "1,75"], ","),
            (["1.234,5", "12,5"], ","),
        ],
        finds,
    )
