import cv2
import numpy as np
import pytest

from pipeline.synthetic import arithmetic

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("name", ["sin", "cos"])
def test_sines_agree_with_numpy_over_many_turns(name: str) -> None:
    angles = np.concatenate([np.linspace(-100, 100, 20_001), np.arange(-8, 9) * np.pi / 4])
    np.testing.assert_allclose(getattr(arithmetic, name)(angles), getattr(np, name)(angles), rtol=0, atol=1e-15)


def test_exponentials_agree_with_numpy() -> None:
    values = np.linspace(-30, 30, 10_001)
    np.testing.assert_allclose(arithmetic.exp(values), np.exp(values), rtol=1e-15)


@pytest.mark.parametrize("exponent", [0.01, 0.4, 1.0, 2.2, 7.0])
def test_powers_agree_with_numpy_and_zero_stays_zero(exponent: float) -> None:
    bases = np.concatenate([[0.0, 1e-300, 1e-8, 1e8], np.linspace(0, 3, 10_001)])
    np.testing.assert_allclose(arithmetic.power(bases, exponent), bases**exponent, rtol=1e-12)


def test_exponents_may_differ_by_base() -> None:
    bases, exponents = RNG.uniform(0.1, 2, (5, 1)), RNG.uniform(0.2, 3, (5, 4))
    np.testing.assert_allclose(arithmetic.power(bases, exponents), bases**exponents, rtol=1e-13)


def test_whole_powers_agree_with_numpy() -> None:
    exponents = np.array([0, 1, 2, 6, 10, 30, 80, 150, 3])
    bases = np.linspace(0.3, 1.1, 9).astype(np.float32)
    np.testing.assert_allclose(arithmetic.whole_power(bases, exponents), bases.astype(float) ** exponents, rtol=2e-5)
    assert arithmetic.whole_power(np.zeros(1, np.float32), np.array([5])) == 0


def test_products_and_lengths_agree_with_numpy() -> None:
    first, second, matrix = RNG.normal(size=(7, 3)), RNG.normal(size=(7, 3)), RNG.normal(size=(2, 3))
    np.testing.assert_allclose(arithmetic.dot(first, second), (first * second).sum(1))
    np.testing.assert_allclose(arithmetic.length(first), np.linalg.norm(first, axis=1))
    np.testing.assert_allclose(arithmetic.apply(matrix, first), first @ matrix.T)


def test_products_do_not_change_what_they_are_given() -> None:
    first, second = RNG.normal(size=(7, 3)), RNG.normal(size=(7, 3))
    kept = first.copy(), second.copy()
    arithmetic.dot(first, second)
    np.testing.assert_array_equal((first, second), kept)


def test_a_circle_starts_ahead_and_runs_counter_clockwise() -> None:
    np.testing.assert_allclose(arithmetic.circle(4), [[1, 0], [0, 1], [-1, 0], [0, -1]], atol=1e-15)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_blur_of_integers_is_that_of_floats_rounded(kind: type[np.uint8 | np.uint16]) -> None:
    values = RNG.integers(0, 256, (41, 31), kind)
    blurred = arithmetic.blur(values, 3.0)
    assert blurred.dtype == kind
    np.testing.assert_allclose(blurred, cv2.GaussianBlur(values.astype(np.float32), (0, 0), 3.0), atol=2)
