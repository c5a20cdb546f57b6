"""Sparse lists of integers, one list for each owner, as two arrays (compressed sparse rows)."""

from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


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

    def gather(self, owners: Ints) -> tuple[Ints, Ints]:
        """Return the lists of ``owners`` end to end, and for each item the position of its owner there."""
        counts = self.sizes(owners)
        position = np.repeat(np.arange(len(owners)), counts)
        before = np.cumsum(counts) - counts
        return self.item[(self.start[owners] - before)[position] + np.arange(len(position))], position

    def transposed(self, items: int) -> "Incidence":
        """Return for each of ``items`` items the owners whose lists hold it, ascending."""
        order = np.argsort(self.item, kind="stable")
        return Incidence(starts(np.bincount(self.item, minlength=items)), self.owner()[order])

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


def joined(relations: Sequence[Incidence]) -> Incidence:
    """Return for each owner its lists in all of the relations, one after the other."""
    owner = np.concatenate([relation.owner() for relation in relations])
    item = np.concatenate([relation.item for relation in relations])
    order = np.argsort(owner, kind="stable")
    return Incidence(starts(np.bincount(owner, minlength=relations[0].owners)), item[order])


def summed(place: Ints, values: npt.NDArray[np.generic], count: int) -> Floats:
    """Return the sums of the values that have the same place, for places 0 to ``count`` - 1."""
    return np.bincount(place, values, minlength=count).astype(np.float64, copy=False)
