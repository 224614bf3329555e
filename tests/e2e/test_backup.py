"""A home that was copied away and back is the same home."""

import shutil
from pathlib import Path

import pytest

from tests.builders import CLOCK, ride_spec, rides, write_project
from tests.e2e.checkout import make_checkout


@pytest.mark.long
def test_a_restored_home_publishes_nothing_twice_and_serves_its_champion(tmp_path: Path, prefect_server: str) -> None:
    home = tmp_path / "var"
    write_project(tmp_path / "projects" / "rides", ride_spec(), rides())
    checkout = make_checkout(
        tmp_path / "checkout", TIERRA_HOME=str(home), TIERRA_PROJECTS=str(tmp_path / "projects"), TIERRA_CLOCK=CLOCK
    )
    champion = checkout.call_json("train", "rides")["champion"]["version"]
    assert checkout.call_json("score", "rides", "--partition", "2024-04-29")["outcome"] == "Published"
    published = checkout.call("predictions", "rides", "--partition", "2024-04-29").stdout

    backup = shutil.make_archive(str(tmp_path / "backup"), "tar", home)
    shutil.rmtree(home)
    shutil.unpack_archive(backup, home, filter="data")

    # This process may still hold what lay in the old home.
    assert checkout.json("score", "rides", "--partition", "2024-04-29")["outcome"] == "AlreadyPublished"
    assert checkout.tierra("predictions", "rides", "--partition", "2024-04-29").stdout == published
    (scored,) = checkout.json("score", "rides", "--partition", "2024-04-28")["partitions"]
    assert (scored["outcome"], scored["model_version"]) == ("Published", champion)
