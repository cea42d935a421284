"""Models of transformers and TorchScript, made small by the test; where torch is installed."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from featuresets import at, compute, filled, tables_of
from lookalikes import saved
from PIL import Image
from support import equigen, from_json, program_env

from equigen.dataset.feature_tables import FeatureTable
from equigen.errors import ConfigError

pytestmark = pytest.mark.long
torch: Any = pytest.importorskip("torch")
transformers: Any = pytest.importorskip("transformers")
SMALL: Mapping[str, int] = {
    "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
    "image_size": 32, "patch_size": 16,
}  # fmt: skip
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def _quiet() -> None:
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.manual_seed(1)


def clip(folder: Path) -> Path:
    """Save a model of pictures and texts."""
    text = {**SMALL, "vocab_size": 30, "max_position_embeddings": 8, "eos_token_id": 2}
    del text["image_size"], text["patch_size"]
    config = transformers.CLIPConfig(text_config=text, vision_config=SMALL, projection_dim=12)
    transformers.CLIPModel(config).save_pretrained(folder)
    sizes = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}
    transformers.CLIPImageProcessorPil(**sizes).save_pretrained(folder)
    return folder


def classifier(folder: Path) -> Path:
    """Save a classifier, whose pooling isn't among its weights."""
    transformers.ViTForImageClassification(transformers.ViTConfig(**SMALL)).save_pretrained(folder)
    transformers.ViTImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


def vectors(folder: Path) -> list[list[float]]:
    """Return the vectors of all covers."""
    return FeatureTable(folder / "features", "embedding").read()["vector"].to_list()


def test_a_folder_of_transformers_gives_its_image_features(tmp_path: Path) -> None:
    """Those of CLIP are what its own processor and model give; processes change no bit."""
    folder = clip(tmp_path / "clip")
    filled(tmp_path, *range(70))
    compute(tmp_path, "embedding", embedding_model=str(folder))
    expected = tables_of(tmp_path)
    (table,) = expected
    (tmp_path / "features" / table).unlink()
    compute(tmp_path, "embedding", embedding_model=str(folder), processes=2)
    assert tables_of(tmp_path) == expected
    red = saved(Image.new("RGB", (64, 64), "#c80000"), "PNG")
    filled(tmp_path / "red", red=red)
    compute(tmp_path / "red", "embedding", embedding_model=str(folder))
    model = transformers.CLIPModel.from_pretrained(folder)
    pixels = np.full((64, 64, 3), (200, 0, 0), np.uint8)
    given = transformers.CLIPImageProcessorPil.from_pretrained(folder)(
        [pixels], return_tensors="pt"
    )
    with torch.inference_mode():
        own = model.get_image_features(**given).pooler_output[0].numpy()
    (found,) = vectors(tmp_path / "red")
    assert found == pytest.approx(own, abs=2e-3)


def test_weights_that_were_never_trained_are_not_used(tmp_path: Path) -> None:
    """Without a trained pooling the class token's numbers are taken: the same in each process."""
    folder = classifier(tmp_path / "vit")
    filled(tmp_path, *range(3))
    compute(tmp_path, "embedding", embedding_model=str(folder))
    first = tables_of(tmp_path)
    (tmp_path / "features" / "embedding.parquet").unlink()
    torch.manual_seed(2)
    compute(tmp_path, "embedding", embedding_model=str(folder))
    assert tables_of(tmp_path) == first
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 2}))
    with pytest.raises(ConfigError, match=r"its weights lack .*layer"):
        compute(tmp_path, "embedding", embedding_model=str(folder))


@pytest.mark.parametrize("broken", ["config.json", "model.safetensors", "preprocessor_config.json"])
def test_a_broken_folder_is_refused_in_a_line(tmp_path: Path, broken: str) -> None:
    """Before any cover is computed."""
    folder = clip(tmp_path / "clip")
    (folder / broken).write_bytes(b"no such thing")
    filled(tmp_path, 1)
    with pytest.raises(
        ConfigError, match="expected an image encoder that transformers can op"
    ) as told:
        compute(tmp_path, "embedding", embedding_model=str(folder))
    assert "\n" not in str(told.value)
    assert not (tmp_path / "features").exists()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_torchscript_file_gives_its_first_vector(tmp_path: Path) -> None:
    """Its pictures are prepared by the settings; one that is broken is refused in a line."""
    file = tmp_path / "mean.pt"
    traced = torch.jit.trace(lambda x: (x, x.mean(dim=(2, 3))), torch.zeros(1, 3, 32, 32))
    torch.jit.save(traced, str(file))
    filled(tmp_path, red=saved(Image.new("RGB", (64, 64), "#c80000"), "PNG"))
    settings: dict[str, Any] = {
        "embedding_size": 32, "embedding_mean": [0.5, 0.5, 0.5], "embedding_std": [1, 0.5, 1],
    }  # fmt: skip
    compute(tmp_path, "embedding", embedding_model=str(file), **settings)
    assert vectors(tmp_path)[0] == pytest.approx([0.284, -1, -0.5], abs=1e-3)
    file.write_bytes(b"no model")
    with pytest.raises(ConfigError, match="expected a TorchScript model, got: ") as refused:
        compute(tmp_path, "embedding", embedding_model=str(file), **settings)
    assert "\n" not in str(refused.value)


def captioner(folder: Path) -> Path:
    """Save a captioner of a dozen words."""
    folder.mkdir()
    words = "[PAD] [UNK] [CLS] [SEP] [MASK] [DEC] an album cover showing a man"
    (folder / "vocab.txt").write_text("\n".join(words.split()))
    text = {
        **SMALL, "vocab_size": 12, "max_position_embeddings": 64, "encoder_hidden_size": 16,
        "bos_token_id": 5, "sep_token_id": 3, "eos_token_id": 3, "pad_token_id": 0,
    }  # fmt: skip
    del text["image_size"], text["patch_size"]
    config = transformers.BlipConfig(text_config=text, vision_config=SMALL)
    transformers.BlipForConditionalGeneration(config).save_pretrained(folder)
    images = transformers.BlipImageProcessorPil(size={"height": 32, "width": 32})
    tokens = transformers.BertTokenizer(vocab=str(folder / "vocab.txt"), bos_token="[DEC]")
    transformers.BlipProcessor(images, tokens).save_pretrained(folder)
    return folder


def test_a_captioner_goes_on_with_the_prompt(tmp_path: Path) -> None:
    """The same words on any number of processes; another prompt is another version."""
    folder = captioner(tmp_path / "blip")
    filled(tmp_path, *range(70))
    compute(tmp_path, "caption", caption_model=str(folder))
    table = FeatureTable(tmp_path / "features", "caption")
    assert table.read()["text"].str.starts_with("an album cover showing").all()
    assert table.versions().endswith("prompt='An album cover showing'")
    expected = tables_of(tmp_path)
    table.file.unlink()
    compute(tmp_path, "caption", caption_model=str(folder), processes=2)
    assert tables_of(tmp_path) == expected
    compute(tmp_path, "caption", caption_model=str(folder), caption_prompt="a man")
    assert table.read()["text"].str.starts_with("a man").all()
    with pytest.raises(
        ConfigError, match="expected a captioner that transformers can open"
    ) as told:
        compute(tmp_path, "caption", caption_model=str(clip(tmp_path / "clip")))
    assert "\n" not in str(told.value)


EVIL = """
from pathlib import Path
(Path(__file__).parent / "RAN").touch()
Path("RAN").touch()
"""
OWN: Mapping[str, Mapping[str, Any]] = {
    "config.json": {
        "model_type": "evil",
        "auto_map": {"AutoConfig": "evil.Config", "AutoModel": "evil.Model",
                     "AutoModelForImageTextToText": "evil.Model"},
    },
    "preprocessor_config.json": {
        "image_processor_type": "EvilProcessor",
        "auto_map": {"AutoImageProcessor": "evil.Pictures", "AutoProcessor": "evil.Both"},
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("feature", "broken", "place"),
    [
        ("embedding", "config.json", ""),
        ("embedding", "preprocessor_config.json", "someone/else--"),
        ("caption", "config.json", "someone/else--"),
        ("caption", "preprocessor_config.json", ""),
    ],
)
def test_code_that_comes_with_a_model_is_never_run(
    tmp_path: Path, feature: str, broken: str, place: str
) -> None:
    """One line says so, though somebody says yes; nothing is asked, here or of the Hub."""
    folder = (clip if feature == "embedding" else captioner)(tmp_path / "model")
    (folder / "evil.py").write_text(EVIL)
    for name in ("processor_config.json", "tokenizer_config.json"):
        (folder / name).unlink(missing_ok=True)  # so that parts of processors are found one by one
    file = folder / broken
    known = json.loads(file.read_text()) if file.exists() else {}
    own = json.dumps(OWN[broken]).replace("evil.", f"{place}evil.")
    file.write_text(json.dumps({**known, **json.loads(own)}))
    filled(tmp_path, 1)
    env = program_env(
        **at(tmp_path), HF_HOME=str(tmp_path / "home"), HF_ENDPOINT="http://127.0.0.1:9"
    )
    flags = (f"--{feature}-model", str(folder), "--processes", "1")
    ran = subprocess.run(
        [sys.executable, "-m", "equigen", "features", "compute", feature, *flags],
        cwd=tmp_path, env=env, input="y\n" * 9, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert not [*tmp_path.rglob("RAN")]
    assert "[y/N]" not in ran.stdout + ran.stderr
    assert ran.returncode == 2, ran.stderr
    assert ran.stderr.splitlines()[-1].startswith(f"equigen features: features.{feature}_model: ")
    assert "needs Python code that comes with it, which is never run" in ran.stderr
    assert not (tmp_path / "features").exists()


class Hub(ThreadingHTTPServer):
    """A Hub on loopback with one model of one commit, someone/encoder."""

    def __init__(self, folder: Path) -> None:
        self.files = {each.name: each.read_bytes() for each in folder.iterdir()}
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), _HubHandler)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_port}"


class _HubHandler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.server.asked.append(path)
        name = path.rpartition("/")[2]
        files = self.server.files
        if path.startswith("/api/models/someone/encoder/tree/"):
            self._send(json.dumps([_listed(each, body) for each, body in files.items()]).encode())
        elif path.startswith("/api/models/someone/encoder"):
            siblings = [{"rfilename": each} for each in files]
            told = {"id": "someone/encoder", "sha": COMMIT, "siblings": siblings}
            self._send(json.dumps(told).encode())
        elif path.startswith("/someone/encoder/resolve/") and name in files:
            self._send(files[name])
        else:
            self._send(b"{}", 404)

    def _send(self, body: bytes, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", f'"{hashlib.sha1(body, usedforsecurity=False).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        if status != 200:
            self.send_header("X-Error-Code", "RepoNotFound")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


def _listed(name: str, body: bytes) -> dict[str, object]:
    digest = hashlib.sha1(body, usedforsecurity=False).hexdigest()
    return {"type": "file", "path": name, "size": len(body), "oid": digest}


def test_a_model_of_the_hub_is_downloaded_once(tmp_path: Path) -> None:
    """Its version has the commit; without the Hub the next run takes what is there."""
    filled(tmp_path, *range(2))
    with Hub(clip(tmp_path / "clip")) as hub:
        thread = Thread(target=hub.serve_forever)
        thread.start()
        env = {
            "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home"), "HF_HUB_DISABLE_XET": "1",
            **at(tmp_path),
        }  # fmt: skip

        def run(model: str = "someone/encoder", **more: str) -> Any:  # noqa: ANN401
            args = ("features", "compute", "embedding", "--json", "--embedding-model", model)
            return equigen(*args, cwd=tmp_path, env={**env, **more})

        try:
            first = run()
            assert first.returncode == 0, first.stderr
            assert from_json(first.stdout)["rows_out"] == 2
            assert "downloads it from the Hugging Face Hub" in first.stderr
            asked = len(hub.asked)
            (tmp_path / "features" / "embedding.parquet").unlink()
            assert run().returncode == 0
            assert len(hub.asked) == asked
            missing = run("someone/other")
            assert missing.returncode == 2
            assert "expected one that can be had from the Hugging Face Hub, got: " in missing.stderr
        finally:
            hub.shutdown()
            thread.join()
    table = FeatureTable(tmp_path / "features", "embedding").read()
    assert table["version"][0].endswith(f"model=someone/encoder@{COMMIT}")
    gone = run("someone/third")
    assert (gone.returncode, json.loads(gone.stdout)["exit_code"]) == (2, 2)
    assert gone.stderr.splitlines()[-1].startswith(
        "equigen features: features.embedding_model: some"
    )
    pinned = run(f"someone/encoder@{COMMIT}", HF_ENDPOINT="http://127.0.0.1:9")
    assert pinned.returncode == 0, pinned.stderr
