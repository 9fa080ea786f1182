"""Arithmetic of which every bit is the same on any processor.

NumPy, BLAS, OpenCV and the C library choose their code by the processor: sines, powers, matrix products and blurs
then differ in the last bit, which decides now and then how a pixel is rounded. Sums, differences, products, quotients
and square roots of single numbers are rounded alike everywhere (IEEE 754), so the functions here are made of these, in
a fixed order, of exact scalings by powers of two, and of integers.
"""

from functools import cache
from math import factorial
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
T = TypeVar("T", np.float32, np.float64)
Whole = TypeVar("Whole", np.uint8, np.uint16)

# pi / 2 and ln 2 in two pieces: products of the first with integers below 2**20 are exact
_HALF_PI = 1.5707963267341256, 6.077100506506192e-11
_LN_2 = 0.6931471803691238, 1.9082149292705877e-10

_SINE = [(-1) ** k / factorial(2 * k + 1) for k in range(9)]
_COSINE = [(-1) ** k / factorial(2 * k) for k in range(9)]
_EXP = [1 / factorial(k) for k in range(15)]
_LOG = [2 / (2 * k + 1) for k in range(12)]


def dot(first: NDArray[T], second: NDArray[T]) -> NDArray[T]:
    """Scalar products `(...)` of vectors `(..., K)`, summed in order."""
    products = first * second
    total: NDArray[T] = products[..., 0].copy()
    for k in range(1, products.shape[-1]):
        total += products[..., k]
    return total


def length(vectors: NDArray[T]) -> NDArray[T]:
    """Euclidean lengths `(...)` of vectors `(..., K)`."""
    return np.asarray(np.sqrt(dot(vectors, vectors)), vectors.dtype)


def apply(matrix: NDArray[T], vectors: NDArray[T]) -> NDArray[T]:
    """Matrix `(R, K)` times vectors `(..., K)` -> `(..., R)`."""
    return np.stack([dot(vectors, row) for row in matrix], -1)


def sin(angle: ArrayLike) -> Array:
    """Sine of angles in radians below 1e5, float64 to within 1e-15."""
    return _sine_and_cosine(angle)[0]


def cos(angle: ArrayLike) -> Array:
    """Cosine of angles in radians below 1e5, float64 to within 1e-15."""
    return _sine_and_cosine(angle)[1]


def _sine_and_cosine(angle: ArrayLike) -> tuple[Array, Array]:
    """Both by their series, within an eighth of a turn of the nearest quarter."""
    radians = np.asarray(angle, np.float64)
    quarter = np.rint(radians * (2 / np.pi))
    rest = (radians - quarter * _HALF_PI[0]) - quarter * _HALF_PI[1]
    square = rest * rest
    sine, cosine = rest * _series(_SINE, square), _series(_COSINE, square)
    turn = quarter.astype(np.int64) & 3
    is_odd = turn % 2 == 1
    signs = np.array([1.0, 1.0, -1.0, -1.0]), np.array([1.0, -1.0, -1.0, 1.0])
    return signs[0][turn] * np.where(is_odd, cosine, sine), signs[1][turn] * np.where(is_odd, sine, cosine)


def exp(values: ArrayLike) -> Array:
    """Exponential, float64 to within a few units of the last place."""
    numbers = np.asarray(values, np.float64)
    twos = np.rint(numbers * (1 / (_LN_2[0] + _LN_2[1])))
    rest = (numbers - twos * _LN_2[0]) - twos * _LN_2[1]
    return np.asarray(np.ldexp(_series(_EXP, rest), twos.astype(np.int32)))


def power(base: ArrayLike, exponent: ArrayLike) -> Array:
    """Powers of bases >= 0 with exponents > 0, float64, the exponent's size times 1e-15 from the true value."""
    bases = np.asarray(base, np.float64)
    fraction, twos = np.frexp(np.where(bases > 0, bases, 1.0))
    is_small = fraction < 0.7071067811865476
    fraction, twos = np.where(is_small, 2 * fraction, fraction), np.where(is_small, twos - 1, twos)
    ratio = (fraction - 1) / (fraction + 1)
    # the logarithm by the series of the inverse hyperbolic tangent
    logarithm = twos * _LN_2[0] + (twos * _LN_2[1] + ratio * _series(_LOG, ratio * ratio))
    return np.where(bases > 0, exp(np.asarray(exponent, np.float64) * logarithm), 0.0)


def _series(coefficients: list[float], value: Array) -> Array:
    """A polynomial, the coefficient of the constant first."""
    total = np.full_like(value, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        total = total * value + coefficient
    return total


def whole_power(base: NDArray[np.float32], exponent: NDArray[np.int64]) -> NDArray[np.float32]:
    """Powers of float32 bases `(N,)` with exponents `(N,)` >= 0, by squaring."""
    result, square = np.ones_like(base), base
    bits = int(exponent.max(initial=0)).bit_length()
    for bit in range(bits):
        result = np.where(exponent >> bit & 1, result * square, result)
        square = square * square
    return result


def blur(values: NDArray[Whole], deviation: float) -> NDArray[Whole]:
    """Gaussian blur of 8- or 16-bit integers `(H, W)` or `(H, W, 3)`, which OpenCV calculates in integers.

    Args:
        values: What to blur.
        deviation: Of the Gaussian, pixels.
    """
    return np.asarray(cv2.GaussianBlur(values, (0, 0), deviation, hint=cv2.ALGO_HINT_ACCURATE), values.dtype)


@cache
def circle(count: int) -> Array:
    """`count` points `(count, 2)` evenly round the unit circle, counter-clockwise from (1, 0)."""
    angle = np.arange(count) * (2 * np.pi / count)
    points = np.stack([cos(angle), sin(angle)], -1)
    points.setflags(write=False)
    return points
