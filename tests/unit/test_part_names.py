"""What the names of parts, marks and manifests say, those of older versions among them."""

from tests.cases import each
from tierra.store.part_names import (
    Part,
    manifest_name,
    mark_of,
    new_stem,
    read_manifest_name,
    read_mark,
    read_part_name,
)

DAY, SHA = "2024-04-29", "a" * 64
STEM = f"000012-{'0' * 16}-{SHA}"


def test_a_part_says_its_partition_its_generation_and_its_mark_as_far_as_its_version_wrote_them() -> None:
    def holds(name: str, partition: str, generation: int | None, mark: str | None) -> None:
        part = Part(partition, name, generation)
        assert (read_part_name(name), mark_of(name)) == (part, mark)
        assert mark is None or read_mark(mark) == part

    each(
        [
            (f"tips/parts/{DAY}/{STEM}.parquet", DAY, 12, f"tips/pending/{STEM}-{DAY}"),
            (f"tips/parts/{DAY}/{SHA}.parquet", DAY, None, f"tips/pending/{SHA}-{DAY}"),
            (f"tips/parts/{SHA}.parquet", "", None, None),
        ],
        holds,
    )


def test_names_of_another_form_are_none_of_ours() -> None:
    def strange(name: str) -> None:
        assert read_part_name(name) is mark_of(name) is read_mark(name) is read_manifest_name(name) is None

    each(
        ["", "tips", f"tips/parts/{DAY}/{SHA}.csv", f"x/tips/parts/{DAY}/{SHA}.parquet", f"tips/parts/{DAY}/x.parquet",
         f"tips/pending/{SHA}", f"tips/pending/{SHA}-", f"tips/pending/12-{SHA}-{DAY}", f"tips/parts/{STEM}x.parquet",
         f"tips/manifests/{DAY}/000000.json", f"tips/manifests/{DAY}/12.json", f"tips/manifests/{DAY}/000001xjson"],
        strange,
    )  # fmt: skip


def test_manifests_are_numbered_and_no_two_parts_begin_alike() -> None:
    name = manifest_name("tips", DAY, 12)
    assert (name, read_manifest_name(name)) == (f"tips/manifests/{DAY}/000012.json", (DAY, 12))
    stems = {new_stem("tips", DAY, 12) for _ in range(100)}
    assert len(stems) == 100
    assert {read_part_name(f"{stem}{SHA}.parquet") for stem in stems} == {
        Part(DAY, f"{stem}{SHA}.parquet", 12) for stem in stems
    }
