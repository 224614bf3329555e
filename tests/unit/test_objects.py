"""What is compared when an object is opened, and the objects in memory that stand in for a store."""

import hashlib
import io

import pytest

from tierra.errors import Broken
from tierra.store.objects import MemoryObjects, check_digest

DATA = b"x" * 3_000_000
SHA = hashlib.sha256(DATA).hexdigest()


class InPieces(io.BytesIO):
    """A file that would not fit into memory at once."""

    def read(self, size: int | None = -1) -> bytes:
        assert size
        assert 0 < size <= 2**20
        return super().read(size)


def test_a_file_is_compared_in_pieces_and_is_then_at_its_start() -> None:
    file = InPieces(DATA)
    check_digest(file, SHA, "here")
    assert file.tell() == 0
    with pytest.raises(Broken, match=r"^here is not what was written.*store-tampered"):
        check_digest(InPieces(DATA[1:]), SHA, "here")


def test_objects_in_memory_are_compared_and_forgotten_like_others() -> None:
    objects = MemoryObjects()
    objects.put_if_absent("a/b.bin", b"abc")
    right, wrong = (hashlib.sha256(data).hexdigest() for data in (b"abc", b"abd"))
    assert objects.open_verified("a/b.bin", right).read() == b"abc"
    with pytest.raises(Broken, match=r"^memory:a/b\.bin is not what was written"):
        objects.open_verified("a/b.bin", wrong)
    assert objects.modified("a/b.bin")
    objects.remove("a/b.bin")
    assert objects.modified("a/b.bin") is None
    with pytest.raises(FileNotFoundError, match=r"a/b\.bin"):
        objects.read("a/b.bin")
