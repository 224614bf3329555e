"""A store's address says where it is; one that cannot be right is refused before anything is asked."""

from pathlib import Path

import pytest

from tierra.errors import Misconfigured
from tierra.settings import load_settings
from tierra.store.opening import is_remote, open_objects, open_remote


def test_a_relative_folder_lies_under_the_home_and_an_absolute_one_where_it_says(workspace: Path) -> None:
    settings = load_settings()
    assert open_objects("store", settings).location("a") == str(workspace / "var" / "store" / "a")
    assert open_objects(str(workspace / "lake"), settings).location("a") == str(workspace / "lake" / "a")


@pytest.mark.parametrize(
    ("uri", "place"),
    [
        ("s3://lake", "s3://lake/a"),
        ("s3://lake/", "s3://lake/a"),
        ("s3://lake/team/one/", "s3://lake/team/one/a"),
        ("gs://la_ke/team", "gs://la_ke/team/a"),
    ],
)
def test_a_bucket_is_opened_with_its_prefix(workspace: Path, uri: str, place: str) -> None:
    assert open_objects(uri, load_settings()).location("a") == place


@pytest.mark.parametrize(
    "uri",
    ["s3://", "s3:///prefix", "s3://Lake", "s3://la_ke", "s3://l", "s3://key:secret@lake", "s3://lake/../other",
     "s3://lake/.hidden", "s3://lake/a//b", "s3://lake/a b", "s3://lake/a\x00b", "s3://lake/a\\b", "s3://lake/a?b",
     "gs://", "gs://Lake", "gs://key:secret@lake", "gs://lake/../other", "gs://lake/a b", "gs://lake/a?b", "az://lake",
     "http://lake", "https://lake/a", "file:///etc"],
)  # fmt: skip
def test_an_address_that_cannot_be_a_store_is_refused(workspace: Path, uri: str) -> None:
    with pytest.raises(Misconfigured, match="store-address"):
        open_objects(uri, load_settings())


@pytest.mark.parametrize(
    "uri",
    ["s3://lake", "s3://lake/", "s3://lake/a/", "s3://lake/a/../b.csv", "s3://lake/./b.csv", "s3://lake//b.csv",
     "s3://lake/a\nb.csv", "s3://lake/a\x00.csv", "s3://lake/a\\b.csv", "s3://lake/a.csv?version=1", "s3://LAKE/a.csv"],
)  # fmt: skip
def test_an_address_that_cannot_be_an_object_is_refused(workspace: Path, uri: str) -> None:
    with pytest.raises(Misconfigured, match="store-address"):
        open_remote(uri, load_settings())


def test_what_has_another_scheme_is_neither_here_nor_there() -> None:
    assert is_remote("s3://lake/a.csv")
    assert not is_remote("data/a.csv")
    with pytest.raises(Misconfigured, match="ftp:// is not supported as a store"):
        is_remote("ftp://host/a.csv")
