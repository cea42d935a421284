"""Sets of covers as training frameworks load them."""

import io
import pickle
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from exported import albums, filled, run_export
from PIL import Image
from reports import fill, jpeg
from support import make_context

import equigen
from equigen.commands import features as command
from equigen.commands.features import FeaturesAction
from equigen.dataset.feature_tables import FeatureTable
from equigen.errors import InputError, MissingInputError, UsageError
from equigen.images.check import check_picture, drawn_picture
from equigen.images.rendering import Demands, Fit, ImageFormat, Rendering
from equigen.loaders.base import Texts, samples_of
from equigen.loaders.dataset import TrainingDataset

# Frameworks' own warnings, which no caller can mend.
pytestmark = pytest.mark.filterwarnings("default")


def opened(folder: Path) -> TrainingDataset:
    """Open a dataset as users do."""
    return equigen.open(folder)


def test_texts_come_back_from_their_arrays() -> None:
    """Empty ones, accents, and names of files that aren't UTF-8."""
    texts = ["", "Björk", "\udcff.jpg", ""]
    kept = pickle.loads(pickle.dumps(Texts(texts)))  # noqa: S301  (our own)
    assert [kept[at] for at in range(len(kept))] == texts


@pytest.mark.parametrize("fit", list(Fit))
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_drawn_picture_is_the_one_that_a_download_makes(fit: Fit, mode: str) -> None:
    """The same pixels as those of a PNG of that size."""
    out = io.BytesIO()
    noise = Image.effect_noise((150, 110), 60)
    Image.merge("RGB", (noise, noise, noise.rotate(180))).convert(mode).save(out, "JPEG")
    rendering = Rendering(48, fit, format=ImageFormat.PNG)
    png = check_picture(out.getvalue(), Demands(1, 1_000_000), [rendering]).files[0]
    drawn = drawn_picture(out.getvalue(), 1_000_000, rendering)
    assert np.array_equal(drawn, np.asarray(Image.open(io.BytesIO(png)).convert("RGB")))


def test_classes_have_the_same_numbers_in_every_set(tmp_path: Path) -> None:
    """Also where a set lacks one: val has neither Jazz nor Pop."""
    rows = albums(12)
    for at in (2, 6, 10):
        rows[at]["genre"] = "Rock"
    dataset = opened(filled(tmp_path, rows))
    for name, classes in {"train": {0, 1, 2}, "val": {2}, "test": {0, 1, 2}}.items():
        samples = samples_of(dataset, name, "single", (), 0)
        assert samples.classes == ("Jazz", "Pop", "Rock")
        assert {*samples.label.tolist()} == classes


def test_what_is_asked_wrongly_is_told(tmp_path: Path) -> None:
    """A set, a kind of labels, a size, and a feature that wasn't computed or has no numbers."""
    dataset = opened(filled(tmp_path, albums(8), sets=["train", "test"]))

    def ask(
        name: str = "train",
        labels: str = "single",
        features: Sequence[str] | str = (),
        size: int = 0,
    ) -> None:
        samples_of(dataset, name, labels, features, size)

    with pytest.raises(UsageError, match=r"no set 'dev'; expected one of: train, val, test"):
        ask("dev")
    with pytest.raises(UsageError, match=r"the set 'val' is empty; those with covers: train, test"):
        ask("val")
    with pytest.raises(UsageError, match=r"labels='many': expected one of: single, multi"):
        ask(labels="many")
    with pytest.raises(UsageError, match=r"size_px=-1: expected pixels"):
        ask(size=-1)
    with pytest.raises(MissingInputError, match="equigen features compute colour"):
        ask(features="colour.brightness")
    context = make_context(tmp_path, features={"processes": 1})
    command.run(context, action=FeaturesAction.COMPUTE, names=["colour"])
    with pytest.raises(
        UsageError, match=r"'colour.brigtness' has no numbers; .* colour.brightness"
    ):
        ask(features=["colour.brigtness"])


def test_features_are_arrays_with_nan_where_a_cover_has_none(tmp_path: Path) -> None:
    """Numbers, structs of them and lists of one length, in the order of the albums."""
    folder = filled(tmp_path, albums(8), sets=["train"])
    context = make_context(folder, features={"processes": 1})
    command.run(context, action=FeaturesAction.COMPUTE, names=["colour", "histogram"])
    table = FeatureTable(context.features, "colour")
    rows = table.read()
    lost = rows["sha256"][3]
    rows.filter(rows["sha256"] != lost).write_parquet(table.file)
    dataset = opened(folder)
    samples = samples_of(dataset, "train", "single", ["colour.mean", "histogram"], 0)
    assert {*samples.features} == {
        *(f"colour.mean.{each}" for each in ("red", "green", "blue", "lightness", "a", "b")),
        "histogram.grey",
        "histogram.rgb",
    }
    assert samples.features["histogram.rgb"].shape == (8, 512)
    assert samples.features["histogram.grey"].sum(axis=1) == pytest.approx(1)
    for at in range(8):
        red = samples.features["colour.mean.red"][at]
        mean = samples.picture(at).reshape(-1, 3).mean(axis=0)
        assert np.isnan(red) or red == pytest.approx(mean[0], abs=3)
    assert np.isnan(samples.features["colour.mean.red"]).sum() == 1


def test_a_cover_that_was_spoilt_is_named(tmp_path: Path) -> None:
    """With what mends it."""
    dataset = opened(filled(tmp_path, albums(4), sets=["train"]))
    samples = samples_of(dataset, "train", "single", (), 0)
    Path(samples.files[1]).write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"\.jpg: expected a cover, .*download --verify"):
        samples.picture(1)


def test_a_framework_that_is_not_there_is_named(tmp_path: Path) -> None:
    """With the command that installs it."""
    folder = filled(tmp_path, albums(4), sets=["train"])
    for name in ("torch", "datasets", "webdataset", "tensorflow"):
        method = "huggingface" if name == "datasets" else name
        code = (
            f"import sys; sys.modules[{name!r}] = None; import equigen\n"
            f"try: equigen.open({str(folder)!r}).{method}()\n"
            "except equigen.EquigenError as err: print(err)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)  # noqa: PLW1510
        assert done.stdout.endswith(f"Install it: `pip install {name}`.\n"), done.stderr


# PyTorch


@pytest.fixture
def torch() -> ModuleType:
    """PyTorch, with one thread."""
    library: ModuleType = pytest.importorskip("torch")
    library.set_num_threads(1)
    return library


def test_items_are_tensors_of_known_pictures(tmp_path: Path, torch: ModuleType) -> None:
    """One colour each; targets by the names of classes; squares of the size asked for."""
    rows = albums(9)
    dataset = opened(filled(tmp_path, rows, sets=["train"]))
    covers = dataset.torch("train", size_px=16)
    assert covers.classes == ["Jazz", "Pop", "Rock"]
    assert covers.class_to_idx == {"Jazz": 0, "Pop": 1, "Rock": 2}
    assert Counter(covers.targets.tolist()) == {0: 3, 1: 3, 2: 3}
    by_file = {each.cover.name: each for each in dataset.examples()}
    for at, (picture, target) in enumerate(covers[i] for i in range(len(covers))):
        example = by_file[Path(covers.samples.files[at]).name]
        number = int(example.album["artist"].removeprefix("Artist "))
        colour = torch.tensor([number % 256, number * 7 % 256, number * 31 % 256])
        assert picture.shape == (3, 16, 16)
        assert picture.dtype == torch.uint8
        assert (picture.float().mean(dim=(1, 2)) - colour).abs().max() < 4
        assert covers.classes[target] == example.label
    assert covers[-1][1] == covers[8][1]
    with pytest.raises(IndexError, match="item 9: expected 0 to 8"):
        covers[9]


def test_a_transform_is_given_a_pil_picture(tmp_path: Path, torch: ModuleType) -> None:
    """In RGB, of the cover's own size, or of the one asked for."""
    dataset = opened(filled(tmp_path, albums(4), sets=["train"]))
    assert dataset.torch("train", transform=lambda each: (each.mode, each.size))[0][0] == (
        "RGB", (40, 30),
    )  # fmt: skip
    assert dataset.torch("train", transform=lambda each: each.size, size_px=20)[0][0] == (20, 20)


@pytest.mark.parametrize("how", ["fork", "spawn"])
def test_workers_give_what_this_process_gives(tmp_path: Path, torch: ModuleType, how: str) -> None:
    """In order, with features."""
    folder = filled(tmp_path, albums(10), sets=["train"])
    context = make_context(folder, features={"processes": 1})
    command.run(context, action=FeaturesAction.COMPUTE, names=["colour"])
    covers = opened(folder).torch("train", size_px=8, features=["colour.brightness"])
    loader = torch.utils.data.DataLoader(
        covers, batch_size=4, num_workers=2, multiprocessing_context=how
    )
    pictures, targets, found = zip(*loader, strict=True)
    assert torch.equal(torch.cat(pictures), torch.stack([each[0] for each in covers]))
    assert torch.equal(torch.cat(targets), covers.targets)
    brightness = torch.cat([each["colour.brightness"] for each in found])
    assert torch.equal(brightness, torch.stack([each[2]["colour.brightness"] for each in covers]))


def test_weights_make_up_for_the_sizes_of_classes(tmp_path: Path, torch: ModuleType) -> None:
    """Of one label and of several; a class that the set lacks has no weight."""
    rows = albums(8, labels="")
    for at, each in enumerate(rows):
        each |= {"genre": "Rock" if at % 4 == 0 else "Jazz", "labels": ""}
    rows[1] |= {"labels": "Jazz|Rock"}
    rows[3] |= {"genre": "Pop", "labels": "Pop"}
    dataset = opened(filled(tmp_path, rows, sets=["train", "train", "train", "test"]))
    covers = dataset.torch("train")
    assert covers.class_weights.tolist() == pytest.approx([6 / (2 * 4), 0, 6 / (2 * 2)])
    several = dataset.torch("train", labels="multi")
    assert several.targets.sum(dim=0).tolist() == [4, 0, 3]
    assert several.class_weights.tolist() == pytest.approx([2 / 4, 1, 3 / 3])
    assert several[0][1].dtype == torch.float32


def test_the_sampler_draws_classes_and_their_artists_evenly(
    tmp_path: Path, torch: ModuleType
) -> None:
    """An artist with ten covers comes as often as one with one; epochs repeat by their number."""
    rows = albums(24)
    for at, each in enumerate(rows):
        each |= {"genre": "Jazz" if at < 20 else "Rock", "album": f"Album {at}"}
        if at < 10:
            each["artist"] = "Prolific 5"
    fill(tmp_path, rows, sets=["train"])
    covers = equigen.open(tmp_path).torch("train")
    sampler = covers.sampler(seed=5, num_samples=8_000)
    drawn = list(sampler)
    assert len(sampler) == len(drawn) == 8_000
    of_artist = Counter(int(covers.samples.group[at]) for at in drawn)
    sizes = Counter(covers.samples.group.tolist())
    assert sorted(sizes.values()) == [1] * 14 + [10]
    labels = {
        int(g): int(c) for g, c in zip(covers.samples.group, covers.samples.label, strict=True)
    }
    for group, count in of_artist.items():
        groups = 11 if labels[group] == 0 else 4
        assert count == pytest.approx(4_000 / groups, rel=0.2)
    sampler.set_epoch(1)
    other = list(sampler)
    assert other != drawn
    again = covers.sampler(seed=5, num_samples=8_000)
    again.set_epoch(1)
    assert list(again) == other
    with pytest.raises(UsageError, match="seed=-1"):
        covers.sampler(seed=-1)


def test_one_train_step_runs_on_a_loaded_batch(tmp_path: Path, torch: ModuleType) -> None:
    """The loss of a tiny model goes down on covers of one colour a class."""
    fill(tmp_path, albums(30), pictures={at: jpeg(at % 3) for at in range(30)}, sets=["train"])
    covers = opened(tmp_path).torch("train", size_px=4)
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(48, 3))
    optimiser = torch.optim.Adam(model.parameters(), 0.01)
    loss_of = torch.nn.CrossEntropyLoss(weight=covers.class_weights)
    losses = []
    loader = torch.utils.data.DataLoader(covers, batch_size=10, sampler=covers.sampler())
    for _ in range(20):
        for pictures, targets in loader:
            loss = loss_of(model(pictures / 255), targets)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
    assert np.mean(losses[-3:]) < 0.8 * np.mean(losses[:3])


# WebDataset and datasets


def test_the_pipeline_has_the_samples_of_exported_shards(tmp_path: Path) -> None:
    """The same members with the same bytes, and all of them with any seed."""
    webdataset = pytest.importorskip("webdataset")
    folder = filled(tmp_path / "data", albums(20), sets=["train", "train", "test"])
    run_export(folder, tmp_path / "out", "webdataset")
    shards = webdataset.WebDataset(
        str(tmp_path / "out" / "train-000000.tar"), shardshuffle=False, empty_check=False
    )
    exported = [{k: v for k, v in each.items() if not k.startswith("__")} for each in shards]
    dataset = opened(folder)
    loaded = list(dataset.webdataset("train"))
    keys = [each.pop("__key__") for each in loaded]
    assert [dict(each) for each in loaded] == exported
    one, other = (dataset.webdataset("train", seed=seed) for seed in (1, 2))
    orders = [[each["__key__"] for each in epoch] for epoch in (one, one, other)]
    assert all(sorted(order) == sorted(keys) for order in orders)
    assert len({tuple(order) for order in (keys, *orders)}) == 4


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_share_the_pipeline(tmp_path: Path, torch: ModuleType, workers: int) -> None:
    """Each sample comes once an epoch, and each epoch has another order."""
    pytest.importorskip("webdataset")
    dataset = opened(filled(tmp_path, albums(20), sets=["train"]))
    pipeline = dataset.webdataset("train", seed=1).decode("pil").to_tuple("__key__", "jpg", "cls")
    loader = torch.utils.data.DataLoader(pipeline, batch_size=None, num_workers=workers)
    epochs = [[key for key, _, _ in loader] for _ in range(2)]
    assert all(len({*epoch}) == len(epoch) == 20 for epoch in epochs)
    assert epochs[0] != epochs[1]


@pytest.mark.long
def test_datasets_reads_sets_with_their_types(tmp_path: Path) -> None:
    """Pictures by their paths, classes by name, years that are missing, features of rows."""
    datasets = pytest.importorskip("datasets")
    rows = albums(12)
    rows[0] |= {"artist": "NA 0", "year": ""}
    dataset = opened(filled(tmp_path, rows))
    sets = dataset.huggingface()
    assert {name: len(each) for name, each in sets.items()} == {"train": 6, "val": 3, "test": 3}
    assert sets["val"].features["label"].names == ["Jazz", "Pop", "Rock"]
    assert sets["val"].features["year"] == datasets.Value("int16")
    there = {f"musicbrainz:{at}": each for at, each in enumerate(rows)}
    for name in sets:
        for each in sets[name]:
            row = there.pop(each["album_id"])
            assert each["image"].size == (40, 30)
            assert sets[name].features["label"].int2str(each["label"]) == row["genre"]
            assert (each["artist"], each["genres"]) == (row["artist"], ["Jazz", "Rock"])
            assert each["year"] == (int(row["year"]) if row["year"] else None)
    assert not there


@pytest.mark.long
def test_datasets_tells_what_may_not_be_passed_on(tmp_path: Path) -> None:
    """It goes where the sets go, and the licences of the rows go with it."""
    pytest.importorskip("datasets")
    rows = albums(8)
    rows[0] |= {"image_url": "https://i.discogs.com/1.jpg"}
    rows[2] |= {"licence": "CC BY 4.0"}
    rows[3] |= {"album_id": "spotify:1"}
    for each in opened(filled(tmp_path, rows)).huggingface().values():
        assert "1 covers of discogs in all sets must not be passed on." in each.info.description
        assert "1 covers of spotify in all sets must not be passed on." in each.info.description
        assert each.info.license
        assert each.select([0]).info.description == each.info.description
    free = opened(filled(tmp_path / "free", albums(4))).huggingface()["train"].info
    assert "must not" not in free.description
    assert "CC0" in free.license


@pytest.mark.long
def test_tensorflow_gives_the_same_pixels(tmp_path: Path) -> None:
    """In their order, in batches."""
    pytest.importorskip("tensorflow")
    dataset = opened(filled(tmp_path, albums(6), sets=["train"]))
    samples = samples_of(dataset, "train", "single", (), 8)
    ((pictures, targets),) = dataset.tensorflow("train", size_px=8).batch(6)
    assert np.array_equal(pictures.numpy(), [samples.picture(at) for at in range(6)])
    assert targets.numpy().tolist() == samples.label.tolist()
