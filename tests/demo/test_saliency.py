"""Preprocessing puts the photograph where the overlay takes it from."""

import numpy as np
import pytest
from PIL import Image
from vit_demo import saliency


@pytest.mark.parametrize(
    "size, place",
    [
        ((600, 400), saliency.Placement(top=37, left=0, height=149, width=224)),
        ((400, 600), saliency.Placement(top=0, left=37, height=224, width=149)),
        ((512, 512), saliency.Placement(top=0, left=0, height=224, width=224)),
        ((2000, 1), saliency.Placement(top=111, left=0, height=1, width=224)),
    ],
)
def test_the_longest_side_fills_the_square_and_the_rest_is_centred_on_black(size, place):
    pixels, found = saliency.preprocess(Image.new("RGB", size, (255, 255, 255)))
    assert found == place
    assert pixels.shape == (1, 3, 224, 224)
    assert pixels.dtype == np.float32
    white = (1 - saliency.MEAN) / saliency.DEVIATION
    black = -saliency.MEAN / saliency.DEVIATION
    inside = np.zeros((224, 224), bool)
    place.crop(inside)[:] = True
    np.testing.assert_allclose(pixels[0][:, inside].T, np.tile(white, (inside.sum(), 1)), rtol=1e-6)
    np.testing.assert_allclose(pixels[0][:, ~inside].T, np.tile(black, ((~inside).sum(), 1)), rtol=1e-6)


def test_the_overlay_is_beside_the_photograph_and_lightest_where_saliency_is_highest():
    photograph = Image.new("RGB", (300, 200), (128, 128, 128))
    _, place = saliency.preprocess(photograph)
    levels = np.full((1, 1, 224, 224), 0.9, np.float32)
    inside = place.crop(levels[0, 0])
    inside[:] = 0.2
    inside[:, : place.width // 2] = 0.6
    both = np.asarray(saliency.overlay(photograph, levels, place)).astype(int)
    assert both.shape == (200, 600, 3)
    assert (both[:, :300] == 128).all()
    light, dark = both[100, 350].sum(), both[100, 550].sum()
    assert light > dark + 100


def test_a_picture_turned_by_its_metadata_is_opened_upright(tmp_path):
    exif = Image.Exif()
    # Tag 0x0112 is the orientation; 6 means: turn by 90 degrees to show.
    exif[0x0112] = 6
    Image.new("RGB", (30, 20)).save(tmp_path / "turned.jpg", exif=exif)
    assert saliency.open_photograph(tmp_path / "turned.jpg").size == (20, 30)


def test_what_is_no_picture_is_an_error(tmp_path):
    (tmp_path / "text.png").write_text("not a picture")
    with pytest.raises(OSError, match="cannot identify"):
        saliency.open_photograph(tmp_path / "text.png")
