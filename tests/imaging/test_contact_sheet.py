import numpy as np

from packsight.imaging.contact_sheet import contact_sheet

RED = (200, 30, 20)


def test_every_image_and_caption_bar_is_on_the_page():
    images = [np.full((48, 64, 3), colour, np.uint8) for colour in (50, 100, 150)]
    page = contact_sheet(images, ["a", "b", "ü" * 99], columns=2, tile_width=64, colours=[RED] * 3)

    assert page.dtype == np.uint8
    for colour in (50, 100, 150):
        assert (page == colour).all(axis=-1).sum() >= 48 * 64
    bar_height = (page == RED).all(axis=-1)[:, 8].sum() / 2  # two rows of tiles
    assert bar_height >= 10
    assert page.shape[1] < 3 * 64  # the third tile is in a second row
    assert page.shape[0] > 2 * 48


def test_images_of_other_sizes_are_scaled_to_the_tile():
    images = [np.full((540, 960, 3), 10, np.uint8), np.full((20, 20, 3), 90, np.uint8)]
    page = contact_sheet(images, ["", ""], columns=9, tile_width=96)
    assert (page == 10).all(axis=-1).sum() == 96 * 54
    assert (page == 90).all(axis=-1).sum() == 96 * 96


def test_a_caption_may_have_lines():
    image = np.full((48, 64, 3), 50, np.uint8)
    one, two = (contact_sheet([image], [text], 1, 64, [RED]) for text in ("a", "a\nb"))
    bars = [(page == RED).all(axis=-1)[:, 5].sum() for page in (one, two)]
    assert bars[1] == 2 * bars[0]
