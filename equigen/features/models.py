"""Find and open the models that settings name: files (ONNX, TorchScript), or those of transformers.

A model of transformers is a folder that `save_pretrained` wrote, or lies on the Hugging Face Hub,
from where it is downloaded once: `owner/name`, or `owner/name@revision`. A model gets one cover at
a time, on one thread, so that what it gives hangs on nothing else. No code that comes with one is
run.
"""

import glob
import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydantic import BaseModel, Field

from equigen.config.layers import Config
from equigen.config.settings import FeatureSettings
from equigen.dataset.context import Context
from equigen.errors import ConfigError, shortened
from equigen.storage.os_errors import translating_read_errors

# The file in which transformers, and what converts its models, says what pictures a model takes.
PROCESSOR: Final = "preprocessor_config.json"
ONNX: Final = ".onnx"
TORCHSCRIPT: Final = (".pt", ".pth", ".ts")
WAYS: Final = (
    "a file (.onnx, or TorchScript: .pt, .pth, .ts), a folder of transformers, or an id of the"
    " Hugging Face Hub, such as openai/clip-vit-base-patch32"
)
_ID: Final = re.compile(r"(\w[\w.-]*/\w[\w.-]*)(?:@(\w[\w./-]*))?", re.ASCII)
# Weights that are data alone; where there are none, PyTorch's files, which it reads as data.
_FILES: Final = ("*.json", "*.txt", "*.model", "*.safetensors")
# Transformers neither run a model's own code nor ask the Hub.
AS_DATA: Final[Mapping[str, bool]] = {"trust_remote_code": False, "local_files_only": True}
_MOST_CHARS: Final = 300
_FLOATS: Final[Mapping[str, Any]] = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
_CHANNELS: Final = 3

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Model:
    """A model that a setting names, by its file or folder, or by its id on the hub."""

    setting: str
    name: str
    path: Path
    id: str = ""
    revision: str = ""

    def __str__(self) -> str:
        """Show the setting and the model."""
        return f"{self.setting}: {self.name if self.id else self.path}"

    @property
    def is_file(self) -> bool:
        """Whether it is named as a file."""
        return self.path.suffix.lower() in (ONNX, *TORCHSCRIPT)

    @property
    def folder(self) -> Path | None:
        """The folder of a model of transformers; None for a file, and where it isn't there yet."""
        if not self.id:
            return self.path if self.path.is_dir() else None
        try:
            return self._snapshot(online=False)
        except (ImportError, ConfigError):
            return None

    def version(self) -> str:
        """Return the digest of its bytes, or its id and revision; "" where it isn't there."""
        folder = self.folder
        if self.id:
            return f"model={self.id}@{folder.name}" if folder else ""
        if folder:
            return f"model=sha256:{_digest(sorted(filter(Path.is_file, folder.rglob('*'))))}"
        if not self.path.is_file():
            return ""
        # Weights that an ONNX file keeps apart lie beside it: model.onnx_data, model.onnx.data.
        beside = self.path.parent.glob(f"{glob.escape(self.path.name)}?*")
        digests = [f"model=sha256:{_digest([self.path, *sorted(beside)])}"]
        processor = self.path.with_name(PROCESSOR)
        if processor.is_file():
            digests.append(f"processor=sha256:{_digest([processor])}")
        return " ".join(digests)

    def prepare(self, context: Context) -> None:
        """Download a model of the hub, unless it is there; look whether a file is.

        Raises:
            ConfigError: it isn't there, or can't be had.

        """
        if self.id:
            if self.folder is None:
                self._hub()
                context.say(f"{self}: downloads it from the Hugging Face Hub")
                self._snapshot(online=True)
        elif not (self.path.is_file() or self.path.is_dir()):
            self.refuse(f"no such file or folder. Expected {WAYS}")

    def _hub(self) -> Any:  # noqa: ANN401
        return self.imported("huggingface_hub", "transformers torch")

    def _snapshot(self, *, online: bool) -> Path:
        hub = self._hub()
        with self.translating("one that can be had from the Hugging Face Hub"):
            utils = self.imported("huggingface_hub.utils", "transformers torch")
            utils.disable_progress_bars()
            for patterns in (_FILES, (*_FILES, "*.bin")):
                at = hub.snapshot_download(
                    self.id,
                    revision=self.revision or None,
                    allow_patterns=list(patterns),
                    local_files_only=not online,
                )
                folder = Path(at)
                if any(folder.glob("*.safetensors")):
                    break
            return folder

    def imported(self, name: str, packages: str) -> Any:  # noqa: ANN401  (a module of any kind)
        """Import a package that no extra of EquiGen has.

        Raises:
            ConfigError: it isn't installed.

        """
        try:
            return import_module(name)
        except ImportError as err:
            self.refuse(
                f"needs {err.name or name}, which isn't installed. Install it: `pip install"
                f" {packages}`"
            )

    @contextmanager
    def translating(self, expected: str) -> Iterator[None]:
        """Turn the errors of the packages that open and run models into ours."""
        try:
            yield
        except ConfigError:
            raise
        except Exception as err:  # noqa: BLE001  (those of such packages have no common root)
            what = " ".join(str(err).split()) or type(err).__name__
            if "trust_remote_code" in what:
                self.refuse("needs Python code that comes with it, which is never run")
            self.refuse(f"expected {expected}, got: {what}")

    def refuse(self, why: str) -> NoReturn:
        """Refuse the model.

        Raises:
            ConfigError: always.

        """
        msg = f"{self}: {shortened(why, _MOST_CHARS)}."
        raise ConfigError(msg)


def named_model(config: Config, setting: str, expected: str = WAYS) -> Model:
    """Return the model that a setting names.

    Raises:
        ConfigError: it names none.

    """
    table, _, key = setting.partition(".")
    name: str = getattr(getattr(config.settings, table), key)
    path = config.file_of(setting)
    if path is None:
        msg = f"{setting}: no model is named. Expected {expected}."
        raise ConfigError(msg)
    local = Model(setting, name, path)
    if local.is_file or path.is_dir():
        return local
    found = _ID.fullmatch(name)
    if not found:
        msg = f"{setting}: expected {expected}, got {name!r}."
        raise ConfigError(msg)
    return Model(setting, name, path, id=found[1], revision=found[2] or "")


def version_of_model(config: Config, find: Callable[[Config], Model]) -> str:
    """Return the version of the model that the settings name; "" where there is none."""
    try:
        return find(config).version()
    except ConfigError:
        return ""


def _digest(files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for each in files:
        with translating_read_errors(each), each.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Preparation:
    """The way from a cover to a model's input, in pixels and levels of 0 to 255.

    The shorter side becomes `edge_px` and the middle is cut out, or, where that is 0, the whole is
    resized to the size, by a filter of Pillow's; then (level * factor - mean) / std of R, G and B.
    """

    height_px: int
    width_px: int
    edge_px: int
    resample: int
    factor: float
    mean: Sequence[float]
    std: Sequence[float]

    def __call__(self, pixels: Pixels) -> Floats:
        """Return a cover as floats, height x width x RGB."""
        picture = Image.fromarray(pixels)
        size = self.width_px, self.height_px
        resample = Image.Resampling(self.resample)
        if self.edge_px:
            share = self.edge_px / min(picture.size)
            wide, high = (max(self.edge_px, round(side * share)) for side in picture.size)
            picture = picture.resize((wide, high), resample)
            left, top = (wide - size[0]) // 2, (high - size[1]) // 2
            picture = picture.crop((left, top, left + size[0], top + size[1]))
        else:
            picture = picture.resize(size, resample)
        levels: Floats = np.asarray(picture, np.float32) * np.float32(self.factor)
        mean, std = np.array(self.mean, np.float32), np.array(self.std, np.float32)
        floats: Floats = (levels - mean) / std
        return floats


class _Size(BaseModel):
    height: int = 0
    width: int = 0
    shortest_edge: int = 0


class _Processor(BaseModel):
    """A `preprocessor_config.json`, as far as it counts here."""

    size: int | _Size = 0
    crop_size: int | _Size = 0
    do_center_crop: bool = False
    resample: int = Field(Image.Resampling.BICUBIC, ge=0, le=5)
    do_rescale: bool = True
    rescale_factor: float = 1 / 255
    do_normalize: bool = True
    image_mean: list[float] = Field([], min_length=3, max_length=3)
    image_std: list[float] = Field([], min_length=3, max_length=3)

    def sides(self) -> tuple[int, int]:
        """Return height and width of the model's input; 0 where they aren't told."""
        size = self.crop_size if self.do_center_crop and self.crop_size else self.size
        return (size.height, size.width) if isinstance(size, _Size) else (size, size)

    def edge_px(self) -> int:
        """Return the shorter side before the middle is cut out; 0 where nothing is cut."""
        edge = self.size.shortest_edge if isinstance(self.size, _Size) else self.size
        return edge if self.do_center_crop else 0


def preparation_of(
    model: Model, settings: FeatureSettings, sides: tuple[int, int] = (0, 0)
) -> Preparation:
    """Return how a file's pictures are prepared, by the settings, else by what lies beside it.

    `sides` are height and width of its input, 0 where they are free.

    Raises:
        ConfigError: that isn't known, or it takes another size.

    """
    beside = model.path.with_name(PROCESSOR)
    told = _Processor()
    if beside.is_file():
        with model.translating(f"{PROCESSOR} of an image processor beside it"):
            told = _Processor.model_validate_json(beside.read_bytes())
    edge_px = 0 if settings.embedding_size else told.edge_px()
    asked = (settings.embedding_size,) * 2 if settings.embedding_size else told.sides()
    high, wide = (own or side for own, side in zip(sides, asked, strict=True))
    if not high or not wide:
        model.refuse("takes pictures of any size. Set features.embedding_size")
    if asked not in ((high, wide), (0, 0)):
        model.refuse(
            f"expected an input of {asked[0]} x {asked[1]} pixels, as features.embedding_size or"
            f" {PROCESSOR} has it, got one of {high} x {wide}"
        )
    mean = settings.embedding_mean or (told.image_mean if told.do_normalize else [0, 0, 0])
    std = settings.embedding_std or (told.image_std if told.do_normalize else [1, 1, 1])
    if not mean or not std:
        model.refuse(
            "the mean and the spread of its colours aren't known. Set features.embedding_mean and"
            f" features.embedding_std, or put its {PROCESSOR} beside it"
        )
    factor = told.rescale_factor if told.do_rescale else 1
    return Preparation(high, wide, edge_px, told.resample, factor, mean, std)


@dataclass(frozen=True, slots=True)
class Input:
    """The picture that an ONNX model takes: 0 where its size is free."""

    name: str
    kind: Any
    has_channels_last: bool
    height_px: int
    width_px: int


def open_onnx(model: Model) -> tuple[Any, Input]:
    """Open an ONNX file; return the session of onnxruntime, and what it takes.

    Raises:
        ImportError: onnxruntime isn't installed.
        ConfigError: the file is broken, or takes anything else than one picture.

    """
    import onnxruntime  # noqa: PLC0415  (an extra)

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what is wrong is raised
    with model.translating("an ONNX model"):
        session = onnxruntime.InferenceSession(
            str(model.path), options, providers=["CPUExecutionProvider"]
        )
    inputs = session.get_inputs()
    first, shape = inputs[0], list(inputs[0].shape)
    is_last = len(shape) == len("NCHW") and shape[3] == _CHANNELS != shape[1]
    fits = (
        len(inputs) == 1
        and first.type in _FLOATS
        and len(shape) == len("NCHW")
        and (is_last or shape[1] == _CHANNELS or not isinstance(shape[1], int))
        and (shape[0] == 1 or not isinstance(shape[0], int))
    )
    if not fits:
        got = "; ".join(f"{each.name} {shown(each.shape)} of {each.type}" for each in inputs)
        model.refuse(
            "expected one input, [1, 3, height, width] or [1, height, width, 3] of floats, got"
            f" {got}"
        )
    sides = shape[1:3] if is_last else shape[2:4]
    high, wide = (side if isinstance(side, int) else 0 for side in sides)
    return session, Input(first.name, _FLOATS[first.type], is_last, high, wide)


def given_picture(picture: Floats, takes: Input) -> Mapping[str, npt.NDArray[Any]]:
    """Return a picture (height x width x RGB) as an ONNX model takes it."""
    given = picture if takes.has_channels_last else picture.transpose(2, 0, 1)
    return {takes.name: np.ascontiguousarray(given[np.newaxis], takes.kind)}


def the_vector(model: Model, outputs: Mapping[str, npt.NDArray[Any]]) -> str:
    """Return the name of the first output that is a vector, [1, n].

    Raises:
        ConfigError: there is none.

    """
    for name, each in outputs.items():
        if each.ndim == len("NC") and len(each) == 1 and each.dtype.kind == "f":
            return name
    got = ", ".join(f"{name} {shown(each.shape)}" for name, each in outputs.items())
    return model.refuse(f"expected an output [1, numbers] of floats, got {got}")


def open_transformers(model: Model) -> tuple[Any, Any, Path]:
    """Import transformers and torch for a model; return both, and the model's folder.

    Raises:
        ConfigError: they aren't installed, or the model isn't there.

    """
    transformers = model.imported("transformers", "transformers torch")
    torch = model.imported("torch", "transformers torch")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    # Where `AS_DATA` isn't passed on to the parts of a processor, the user would be asked.
    transformers.dynamic_module_utils.TIME_OUT_REMOTE_CODE = 0
    torch.set_num_threads(1)
    folder = model.folder
    if folder is None:
        model.refuse("isn't there any more")
    return transformers, torch, folder


def refuse_lacking(model: Model, told: Mapping[str, Any], but: str = "") -> None:
    """Refuse weights that lack some, which would be drawn by chance; `told` is what loading says.

    Those are left out whose names have the text `but`.

    Raises:
        ConfigError: some are lacking.

    """
    lacking = sorted(name for name in told["missing_keys"] if not but or but not in name)
    if lacking:
        model.refuse(f"its weights lack {', '.join(lacking)}")


def shown(shape: Sequence[object]) -> str:
    """Return a shape such as [1, 3, 224, 224] as it is told."""
    return f"[{', '.join(map(str, shape))}]"
