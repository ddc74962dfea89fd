import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import least_squares

from plateau_face.data.align import TEMPLATE, aligned, similarity


def moved(points, turn, scale, x, y):
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return scale * points @ rotation.T + [x, y]


poses = st.tuples(st.floats(-3, 3), st.floats(0.2, 5), st.floats(-100, 100), st.floats(-100, 100))


@given(poses)
def test_a_similarity_is_found(pose):
    matrix = similarity(TEMPLATE, moved(TEMPLATE, *pose))
    found = TEMPLATE @ matrix[:, :2].T + matrix[:, 2]
    np.testing.assert_allclose(found, moved(TEMPLATE, *pose), atol=1e-8)


def test_points_that_do_not_fit_are_fitted_as_by_a_general_solver():
    source = TEMPLATE + np.random.default_rng(0).normal(0, 6, (5, 2))

    def residual(pose):
        return (moved(source, *pose) - TEMPLATE).ravel()

    best = least_squares(residual, [0.0, 1.0, 0.0, 0.0], xtol=1e-12, ftol=1e-12, gtol=1e-12).x
    matrix = similarity(source, TEMPLATE)
    np.testing.assert_allclose(
        source @ matrix[:, :2].T + matrix[:, 2], moved(source, *best), atol=1e-5
    )


def test_an_aligned_image_stays_as_it_is():
    pixels = np.random.default_rng(0).integers(0, 256, (112, 112, 3), dtype=np.uint8)
    np.testing.assert_array_equal(aligned(pixels, TEMPLATE), pixels)


def test_a_face_elsewhere_is_brought_to_its_place():
    """Marks at the five points of a larger, turned face come to the template's places."""
    points = moved(TEMPLATE, 0.3, 2.0, 60.0, 20.0)
    y, x = np.mgrid[:320, :320]
    picture = np.zeros((320, 320))
    for px, py in points:
        picture += np.exp(-((x - px) ** 2 + (y - py) ** 2) / 18)
    pixels = np.repeat((picture * 255).clip(0, 255).astype(np.uint8)[:, :, None], 3, axis=2)
    found = aligned(pixels, points)[:, :, 0].astype(float)
    for px, py in TEMPLATE:
        x0, y0 = int(px) - 4, int(py) - 4
        window = found[y0 : y0 + 10, x0 : x0 + 10]
        window = np.where(window > 40, window, 0)
        wy, wx = np.mgrid[y0 : y0 + 10, x0 : x0 + 10]
        centre = np.array([(wx * window).sum(), (wy * window).sum()]) / window.sum()
        assert np.abs(centre - [px, py]).max() < 0.1
