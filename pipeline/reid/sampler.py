"""P x K batches: P vehicles, K images of each, so that every image meets its like and its unlike."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.networks.runtime import generator_of


def identity_batches(
    identities: Sequence[int] | NDArray[np.int64], vehicles: int, images: int, seed: int, epoch: int
) -> list[list[int]]:
    """Draw one epoch of P x K batches (Hermans et al. 2017; PGAN §4.2, SPAN §4.2).

    Each vehicle's images are shuffled and cut into groups of K; a rest that fills no group waits for another
    epoch, and a vehicle with fewer than K images repeats some. Batches take a group from each of P vehicles drawn
    among those that have any left, and the epoch ends when fewer than P have.

    Args:
        identities: `(M,)` vehicle of each position.
        vehicles: P.
        images: K.
        seed: Seed of the draw.
        epoch: Epoch, counted from 0; each has its own draw.

    Returns:
        Batches of P * K positions, the K of one vehicle side by side.

    Raises:
        ValueError: There are fewer than P vehicles.
    """
    return _batches(np.asarray(identities), vehicles, images, generator_of(seed, epoch))


def balanced_batches(
    identities: Sequence[int] | NDArray[np.int64],
    sets: NDArray[np.int64],
    vehicles: int,
    images: int,
    seed: int,
    epoch: int,
) -> list[list[int]]:
    """Draw one epoch of P x K batches that hold as many vehicles of each data set.

    Where P does not divide by the data sets, the first ones have one vehicle more. The epoch is as long as the longest
    of the data sets' own; the others are drawn anew until then.

    Args:
        identities: `(M,)` vehicle of each position.
        sets: `(M,)` data set of each position, counted from 0.
        vehicles: P.
        images: K.
        seed: Seed of the draw.
        epoch: Epoch, counted from 0; each has its own draw.

    Returns:
        As `identity_batches`, the vehicles of one data set side by side.

    Raises:
        ValueError: There are more data sets than P, or a data set has fewer vehicles than its share.
    """
    codes, count = np.asarray(identities), int(sets.max()) + 1
    if vehicles < count:
        raise ValueError(f"identities_per_batch: expected a vehicle for each of {count} data sets, got {vehicles}")
    members = [np.flatnonzero(sets == place) for place in range(count)]
    shares = [vehicles // count + (place < vehicles % count) for place in range(count)]

    def draw(place: int, turn: int) -> list[list[int]]:
        found = _batches(codes[members[place]], shares[place], images, generator_of(seed, epoch, place, turn))
        return [members[place][batch].tolist() for batch in found]

    drawn = [draw(place, 0) for place in range(count)]
    length = max(map(len, drawn))
    for place, batches in enumerate(drawn):
        turn = 0
        while len(batches) < length:
            turn += 1
            batches += draw(place, turn)
    return [[position for batches in drawn for position in batches[number]] for number in range(length)]


def _batches(codes: NDArray[np.int64], vehicles: int, images: int, generator: np.random.Generator) -> list[list[int]]:
    groups = [_groups(np.flatnonzero(codes == vehicle), images, generator) for vehicle in np.unique(codes)]
    if len(groups) < vehicles:
        raise ValueError(f"identities_per_batch: expected at most the {len(groups)} vehicles there are, got {vehicles}")
    batches = []
    while len(left := [index for index, waiting in enumerate(groups) if waiting]) >= vehicles:
        drawn = generator.choice(left, vehicles, replace=False)
        batches.append([position for index in drawn for position in groups[index].pop()])
    return batches


def _groups(positions: NDArray[np.int64], images: int, generator: np.random.Generator) -> list[list[int]]:
    """Shuffle one vehicle's positions and cut them into groups of `images`, at least one."""
    shuffled = generator.permutation(positions)
    if len(shuffled) < images:
        repeated = generator.choice(positions, images - len(shuffled))
        shuffled = np.concatenate([shuffled, repeated])
    whole = len(shuffled) // images
    return [group.tolist() for group in shuffled[: whole * images].reshape(whole, images)]
