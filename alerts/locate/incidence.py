"""Sparse lists of integers, one list for each owner, as two arrays (compressed sparse rows)."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_FEW_OWNERS: Final = 64


class Incidence(msgspec.Struct, frozen=True):
    """``item[start[i]:start[i + 1]]`` is the list of owner ``i``."""

    start: Ints
    item: Ints

    @property
    def owners(self) -> int:
        """Number of lists."""
        return len(self.start) - 1

    def of(self, owner: int) -> Ints:
        """Return the list of one owner."""
        return self.item[self.start[owner] : self.start[owner + 1]]

    def sizes(self, owners: Ints) -> Ints:
        """Return the lengths of the lists of ``owners``."""
        return self.start[owners + 1] - self.start[owners]

    def gather(self, owners: Ints) -> "Incidence":
        """Return the lists of ``owners``, which are numbered from 0 there."""
        counts = self.sizes(owners)
        start = starts(counts)
        if len(owners) <= _FEW_OWNERS:  # slices are copied faster than items are picked
            parts = [self.item[:0], *(self.of(owner) for owner in owners.tolist())]
            return Incidence(start, np.concatenate(parts))
        shift = np.repeat(self.start.take(owners) - start[:-1], counts)
        return Incidence(start, self.item.take(shift + np.arange(len(shift))))

    def only(self, wanted: Mask) -> "Incidence":
        """Return the lists without the items that are not ``wanted``, by number of the item."""
        chosen = wanted.take(self.item)
        before = starts(chosen.astype(np.intp))
        return Incidence(before.take(self.start), self.item.compress(chosen))

    def sums(self, values: Floats) -> Floats:
        """Return for each owner the sum over its entries; ``values`` has one for each of ``item``."""
        found = np.zeros(self.owners)
        if len(values):
            holding = np.flatnonzero(np.diff(self.start))
            found[holding] = np.add.reduceat(values, self.start.take(holding))
        return found

    def transposed(self, items: int) -> "Incidence":
        """Return for each of ``items`` items the owners whose lists hold it, ascending."""
        return sorted_by(self.item, self.owner(), items)

    def owner(self) -> Ints:
        """Return for each entry of ``item`` whose it is."""
        return np.repeat(np.arange(self.owners), np.diff(self.start))


def starts(sizes: Ints) -> Ints:
    """Return where lists of these sizes start, and where the last one ends."""
    return np.concatenate((np.zeros(1, np.intp), np.cumsum(sizes, dtype=np.intp)))


def build(lists: Sequence[Iterable[int]]) -> Incidence:
    """Lay lists end to end."""
    kept = [tuple(items) for items in lists]
    sizes = np.fromiter((len(items) for items in kept), np.intp, len(kept))
    flat = np.fromiter((item for items in kept for item in items), np.intp, int(sizes.sum()))
    return Incidence(starts(sizes), flat)


def sorted_by(owner: Ints, item: Ints, owners: int) -> Incidence:
    """Lay items that come in any order under their owners; those of one owner stay in their order."""
    # NumPy sorts 16 bits by radix, several times as fast
    order = np.argsort(owner.astype(np.uint16) if owners < 1 << 16 else owner, kind="stable")
    return Incidence(starts(np.bincount(owner, minlength=owners)), item.take(order))


def summed(place: Ints, values: npt.NDArray[np.generic], count: int) -> Floats:
    """Return the sums of the values that have the same place, for places 0 to ``count`` - 1."""
    return np.bincount(place, values, minlength=count).astype(np.float64, copy=False)
