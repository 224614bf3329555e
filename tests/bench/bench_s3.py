"""An object in a bucket: ours, named by its digest and verified, against boto3's own upload and download."""

from pathlib import Path

from tests.bench.measure import here, hold, interleaved, show
from tests.s3_server import S3Server
from tierra.store.bucket_objects import BucketObjects
from tierra.store.s3_bucket import open_bucket

SIZE, PIECE = 200_000_000, 1_000_000
OF_BOTO3 = 0.8
# The store shares the cores and the disk with us, and its own pace wavers: of five runs 0.58 to 1.24.
WRITE_LINE = 0.5


def test_an_object_is_written_and_read_nearly_as_fast_as_boto3_does(s3: S3Server, tmp_path: Path) -> None:
    name, client = s3.bucket(), s3.client(max_pool_connections=16)
    objects = BucketObjects(open_bucket(name, s3.settings()), "ours")
    file, back = tmp_path / "bytes", tmp_path / "back"
    data = b"".join(number.to_bytes(8) * (PIECE // 8) for number in range(SIZE // PIECE))
    file.write_bytes(data)

    def draft() -> str:
        with objects.draft("", ".bin") as draft:
            for start in range(0, SIZE, PIECE):
                draft.write(data[start : start + PIECE])
        return draft.name

    name_of_ours = draft()
    costs = interleaved(
        {
            "boto3 upload_file": lambda: here(lambda: client.upload_file(str(file), name, "theirs")),
            "ours, draft": lambda: here(draft),
            "boto3 download_file": lambda: here(lambda: client.download_file(name, "theirs", str(back))),
            "ours, read": lambda: here(lambda: objects.read(name_of_ours)),
        }
    )
    show(f"An object of {SIZE // 1_000_000} MB on SeaweedFS, same machine", costs)
    assert objects.read(name_of_ours) == back.read_bytes()
    write = costs["boto3 upload_file"].wall / costs["ours, draft"].wall
    read = costs["boto3 download_file"].wall / costs["ours, read"].wall
    hold("S3 write, boto3's wall by ours", write, OF_BOTO3, WRITE_LINE, unit=" x", least=True)
    hold("S3 read, boto3's wall by ours", read, OF_BOTO3, unit=" x", least=True)
