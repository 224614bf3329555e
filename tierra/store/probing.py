"""Check the guarantee that publishing relies on: of two writers who create one name, exactly one succeeds."""

import uuid
from contextlib import suppress

from tierra.errors import Misconfigured, TierraError
from tierra.store.objects import Objects


def probe_store(objects: Objects) -> None:
    """Create a name twice, read it and remove it. Raises Misconfigured, Broken or Unavailable."""
    name, first = f"probe/{uuid.uuid4().hex}", b"first"
    objects.names("probe")  # some stores would make a bucket that is absent rather than say so
    try:
        won = objects.put_if_absent(name, first), objects.put_if_absent(name, b"second")
        kept = objects.read(name)
    finally:
        with suppress(TierraError):  # removing may be forbidden, and the first failure matters more
            objects.remove(name)
    if won != (True, False) or kept != first:
        raise Misconfigured("store-unconditional", f"{objects.location(name)}: a second writer wrote over the first")
