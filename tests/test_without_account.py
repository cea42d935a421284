"""The way to a dataset without an account, command by command, from hosts on loopback."""

import io
import re
import shlex
from datetime import UTC, datetime
from pathlib import Path

from dumphost import DumpHost, Hosted
from dumpsets import Master, group, mbid, write_groups, write_masters
from PIL import Image
from support import ROOT, TOKEN, equigen, read_rows

GENRES = ("Jazz", "Blues", "Reggae")
PER_GENRE = 8
FOLDER = "my-covers"


def commands() -> list[list[str]]:
    """Return the program's commands in the page's block, which is README's too, without `cd`."""
    page = (ROOT / "docs" / "without-account.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    assert block in (ROOT / "README.md").read_text(encoding="utf-8")
    lines = [shlex.split(line, comments=True) for line in block.splitlines()]
    assert lines[0] == ["pip", "install", "."]
    assert lines[1] == ["mkdir", FOLDER, "&&", "cd", FOLDER]
    assert all(line[0] == "equigen" for line in lines[2:])
    return [line[1:] for line in lines[2:]]


def jpeg(number: int) -> bytes:
    """Return a picture of its own."""
    out = io.BytesIO()
    Image.effect_noise((64, 64), 20 + number).convert("RGB").save(out, "JPEG")
    return out.getvalue()


def test_the_page_works_as_written(tmp_path: Path) -> None:
    """Dumps are got and checked, albums joined with covers, these followed to their node, dealt."""
    masters = [
        Master(10 * at + n, year=2001 + n, genre=genre, style=genre)
        for at, genre in enumerate(GENRES, start=1)
        for n in range(PER_GENRE)
    ]
    made = tmp_path / "made"
    groups = [group(each.number, master=each.number) for each in masters]
    files = write_masters(made, masters), write_groups(made, groups)
    now = datetime.now(UTC)
    name = f"discogs_{now.year}0101_masters.xml.gz"
    folder = tmp_path / FOLDER
    folder.mkdir()
    with DumpHost() as host:
        host.host_discogs({name: Hosted(files[0].read_bytes())}, date=f"{now.year}0101")
        host.host_groups(Hosted(files[1].read_bytes(), ranges=True))
        for each in masters:
            front = f"/release-group/{mbid(each.number)}/front-500"
            node = f"/node/mbid-{mbid(each.number)}.jpg"
            found = {"Location": f"{host.url}{node}"}
            host.files[front] = Hosted(b"See: there", 307, found)
            host.files[node] = Hosted(jpeg(each.number), headers={"Content-Type": "image/jpeg"})
        # The one picture that the archive doesn't have.
        host.files[f"/release-group/{mbid(10)}/front-500"] = Hosted(b"none", 404)
        env = {**host.env, "EQUIGEN_COVERART__BASE_URL": host.url, "DISCOGS_TOKEN": TOKEN}
        ended = [equigen(*command, cwd=folder, env=env) for command in commands()]
        asked = len(host.seen)
        again = equigen(*commands()[-1], cwd=folder, env=env)
        assert not [path for path in host.asked()[asked:] if "front" in path]
    assert [each.returncode for each in ended] == [0, 0], ended
    assert again.returncode == 0
    assert len(read_rows(folder / "data" / "equigen_dataset.tsv")) == len(masters)
    images = folder / "data" / "equigen_album_images"
    counts = {genre: len(list((images / genre).glob("*.jpg"))) for genre in GENRES}
    assert counts == {"Jazz": PER_GENRE - 1, "Blues": PER_GENRE, "Reggae": PER_GENRE}
    assert (folder / "data" / "split" / "split.tsv").exists()
    assert not [seen for seen in host.seen if TOKEN in f"{seen.path}{seen.headers}"]
