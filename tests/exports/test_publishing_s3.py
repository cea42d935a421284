"""Publishing to S3, of which moto plays the part: over its HTTP, by s3fs, with versions kept."""

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from exported import albums, filled, run_export
from forks import Forks
from kills import Case, kill_often
from publishing import content, made_export
from support import equigen, from_json, program_env

pytestmark = pytest.mark.long
BUCKET = "covers"
URL = f"s3://{BUCKET}/albums/v1"


@dataclass(frozen=True)
class Store:
    """A running S3 with a bucket that keeps versions: `env` is a user's environment."""

    client: Any
    env: dict[str, str]

    def content(self, prefix: str = "albums/v1/") -> dict[str, bytes]:
        """Return the bytes of what is below a prefix, by names there."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        keys = [each["Key"] for page in pages for each in page.get("Contents", [])]
        return {
            key.removeprefix(prefix): self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
            for key in keys
        }

    def versions(self) -> Counter[str]:
        """Count how often each object was written."""
        pages = self.client.get_paginator("list_object_versions").paginate(Bucket=BUCKET)
        return Counter(each["Key"] for page in pages for each in page.get("Versions", []))

    def clear(self) -> None:
        """Remove all, with all versions."""
        pages = self.client.get_paginator("list_object_versions").paginate(Bucket=BUCKET)
        for page in pages:
            for each in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                self.client.delete_object(
                    Bucket=BUCKET, Key=each["Key"], VersionId=each["VersionId"]
                )


@pytest.fixture(scope="module")
def s3() -> Iterator[Store]:
    """Run an S3 on loopback."""
    boto3 = pytest.importorskip("boto3")
    moto = pytest.importorskip("moto.server")
    pytest.importorskip("s3fs")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    env = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "made-up-key",
        "AWS_SECRET_ACCESS_KEY": "made-up-secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "EQUIGEN_HTTP__MAX_WAIT_S": "0.01",
    }
    client = boto3.client(
        "s3",
        endpoint_url=env["AWS_ENDPOINT_URL"],
        aws_access_key_id="made-up-key",
        aws_secret_access_key="made-up-secret",
        region_name="us-east-1",
    )
    client.create_bucket(Bucket=BUCKET)
    on = {"Status": "Enabled"}
    client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration=on)
    yield Store(client, env)
    client.close()
    server.stop()


def send(
    s3: Store, data: Path, *args: str | Path, **env: str
) -> "subprocess.CompletedProcess[str]":
    """Publish from the folder of a dataset."""
    return equigen("publish", *args, cwd=data, env={**s3.env, **env})


READ = """
import hashlib, json, sys
import fsspec, pyarrow.parquet

url = sys.argv[1]
fs, root = fsspec.core.url_to_fs(url)
listed = json.loads(fs.cat_file(f"{root}/export.json"))
for piece in listed["pieces"]:
    body = fs.cat_file(f"{root}/{piece['name']}")
    assert hashlib.sha256(body).hexdigest() == piece["sha256"], piece["name"]
parts = [each["name"] for each in listed["pieces"] if each["name"].endswith(".parquet")]
read = 0
for name in parts:
    for row in pyarrow.parquet.read_table(f"{root}/{name}", filesystem=fs).to_pylist():
        assert hashlib.sha256(row["image"]["bytes"]).hexdigest() == row["sha256"]
        read += 1
print(read)
"""


@pytest.mark.parametrize("name", ["parquet", "webdataset", "imagefolder"])
def test_what_is_published_is_the_export(tmp_path: Path, s3: Store, name: str) -> None:
    """It is read from there with the same bytes; a second run writes nothing."""
    s3.clear()
    data = tmp_path / "data"
    out = made_export(data, 24, name=name)
    done = send(s3, data, URL, "--export", out, "--json")
    assert done.returncode == 0, done.stderr
    assert s3.content() == content(out)
    written = s3.versions()
    assert {written[f"albums/v1/{each}"] for each in content(out)} == {1}
    again = send(s3, data, URL, "--export", out, "--json")
    assert (from_json(again.stdout)["sent"], s3.versions()) == ([], written)
    if name != "parquet":
        return
    read = subprocess.run(
        [sys.executable, "-c", READ, URL],
        env=program_env(**s3.env),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (read.returncode, read.stdout) == (0, "24\n"), read.stderr


def test_a_large_file_goes_in_parts_and_is_known_again(tmp_path: Path, s3: Store) -> None:
    """The MD5 of its parts tells that it is there, without a byte read or sent."""
    s3.clear()
    data = tmp_path / "data"
    out = made_export(data)
    body = os.urandom(1 << 20) * 120
    (out / "large.bin").write_bytes(body)
    listed = from_json((out / "export.json").read_text(encoding="utf-8"))
    sha256 = hashlib.sha256(body).hexdigest()
    record = {**listed["pieces"][0], "name": "large.bin", "size_bytes": len(body), "sha256": sha256}
    text = json.dumps({**listed, "pieces": [*listed["pieces"], record]})
    (out / "export.json").write_text(text, encoding="utf-8")
    assert send(s3, data, URL, "--export", out).returncode == 0
    told = s3.client.head_object(Bucket=BUCKET, Key="albums/v1/large.bin")
    assert told["ETag"].endswith('-8"')
    assert s3.content()["large.bin"] == body
    s3.client.delete_object(Bucket=BUCKET, Key="albums/v1/export.json")
    s3.client.put_object(Bucket=BUCKET, Key="albums/v1/export.part.json", Body=b'{"files": []}')
    done = send(s3, data, URL, "--export", out, "--json")
    assert (done.returncode, from_json(done.stdout)["sent"]) == (0, ["export.json"]), done.stderr
    assert s3.versions()["albums/v1/large.bin"] == 1


@pytest.mark.parametrize(
    ("url", "env", "says"),
    [
        ("s3://nobodys-bucket/covers", {}, "EquiGen makes no bucket"),
        (URL, {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "The store refuses"),
        (URL, {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}, "127.0.0.1:9"),
    ],
)
def test_refusals_say_what_to_do(
    tmp_path: Path, s3: Store, url: str, env: dict[str, str], says: str
) -> None:
    """One line, without the credentials."""
    s3.clear()
    data = tmp_path / "data"
    out = made_export(data)
    more = {"AWS_EC2_METADATA_DISABLED": "true", "HOME": str(tmp_path), **env}
    log = data / "log.jsonl"
    done = send(s3, data, url, "--export", out, "--verbose", "--log-file", log, **more)
    assert (done.returncode > 0, says in done.stderr) == (True, True), done.stderr
    assert "Traceback" not in done.stderr
    assert "made-up-secret" not in done.stdout + done.stderr + log.read_text(encoding="utf-8")
    assert not s3.versions()


def test_killed_at_any_moment(tmp_path: Path, forks: Forks, s3: Store) -> None:
    """Each object is written once, and the list last."""
    data, out = tmp_path / "data", tmp_path / "out"
    filled(data, albums(40))
    run_export(data, out)
    new = content(out)

    def check() -> None:
        now = s3.content()
        now.pop("export.part.json", None)
        assert "export.json" not in now or now == new
        assert all(now[name] == new[name] for name in now)

    def compare() -> None:
        assert s3.content() == new
        written = s3.versions()
        assert {written[f"albums/v1/{name}"] for name in new} == {1}

    args = ("publish", URL, "--export", str(out))
    case = Case(data, args, s3.clear, check, compare, settings=s3.env)
    kill_often(forks, case, kills=20, seed=20)
