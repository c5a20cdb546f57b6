"""Where the dots of a province stand. Pure geometry; centroids place a dot and nothing more.

Degrees become plane kilometres (equirectangular about the middle latitude: a province is small).
What lies far off the rest, such as an island, goes into an inset instead of squashing the map.
Dots that would cover each other are moved apart by as little as will do.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

WIDTH: Final = 1000.0
_MIN_HEIGHT: Final = 520.0
_MAX_HEIGHT: Final = 1000.0
_MARGIN: Final = 64.0
_SPACING: Final = 25.0  # least distance of two dots, in units of the drawing
_INSET: Final = 150.0  # side of an inset
_FAR: Final = 0.3  # of the province's diagonal: a gap this wide makes an inset ...
_LEAST_KM: Final = 25.0  # ... but none below this
_KM_PER_DEGREE: Final = 111.2
_ROUNDS: Final = 60

Point = tuple[float, float]


class Inset(msgspec.Struct, frozen=True):
    """A box for places far off: top left corner, side, and whose they are."""

    x: float
    y: float
    side: float
    codes: tuple[str, ...]


class Layout(msgspec.Struct, frozen=True):
    """Positions by code in a drawing ``width`` by ``height``; places without coordinates are absent."""

    width: float
    height: float
    points: Mapping[str, Point]
    insets: tuple[Inset, ...] = ()


def layout(places: Mapping[str, tuple[float | None, float | None]]) -> Layout:
    """Lay out places given as (latitude, longitude) by code."""
    plane = _project(places)
    if not plane:
        return Layout(WIDTH, _MIN_HEIGHT, {})
    groups = _groups(plane)
    main = {code: plane[code] for code in groups[0]}
    height, points = _fit(main)
    points = _apart(points, (0, 0, WIDTH, height))
    insets: list[Inset] = []
    for group in groups[1:]:
        inset, inside = _inset({code: plane[code] for code in group}, points, height, insets)
        insets.append(inset)
        points = {**points, **inside}
    return Layout(WIDTH, height, points, tuple(insets))


def _project(places: Mapping[str, tuple[float | None, float | None]]) -> dict[str, Point]:
    known = {code: (a, o) for code, (a, o) in places.items() if a is not None and o is not None}
    if not known:
        return {}
    middle = statistics.median(latitude for latitude, _ in known.values())
    shrink = math.cos(math.radians(middle))
    return {code: (o * shrink * _KM_PER_DEGREE, -a * _KM_PER_DEGREE) for code, (a, o) in known.items()}


def _bounds(points: Sequence[Point]) -> tuple[float, float, float, float]:
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return min(xs), min(ys), max(xs), max(ys)


def _groups(plane: Mapping[str, Point]) -> list[list[str]]:
    """Single linkage, the largest group first; groups are further apart than _FAR of the largest."""
    gap = _LEAST_KM
    while True:
        groups = _linked(plane, gap)
        left, top, right, bottom = _bounds([plane[code] for code in groups[0]])
        wanted = max(_LEAST_KM, _FAR * math.hypot(right - left, bottom - top))
        if wanted <= gap or len(groups) == 1:
            return groups
        gap = wanted


def _linked(plane: Mapping[str, Point], gap: float) -> list[list[str]]:
    left = sorted(plane)
    groups: list[list[str]] = []
    while left:
        group = [left.pop(0)]
        for code in group:  # grows while it is walked
            near = [other for other in left if math.dist(plane[code], plane[other]) <= gap]
            group += near
            left = [other for other in left if other not in set(near)]
        groups.append(sorted(group))
    return sorted(groups, key=lambda group: (-len(group), group))


def _fit(plane: Mapping[str, Point]) -> tuple[float, dict[str, Point]]:
    """Scale into the drawing, as wide as it is; return its height and the points."""
    left, top, right, bottom = _bounds(list(plane.values()))
    wide, high = max(right - left, 1e-6), max(bottom - top, 1e-6)
    room = WIDTH - 2 * _MARGIN
    height = min(max(room * high / wide + 2 * _MARGIN, _MIN_HEIGHT), _MAX_HEIGHT)
    scale = min(room / wide, (height - 2 * _MARGIN) / high)
    at_x, at_y = (WIDTH - scale * wide) / 2, (height - scale * high) / 2
    if len(plane) == 1:
        return height, dict.fromkeys(plane, (WIDTH / 2, height / 2))
    return height, {c: (at_x + (x - left) * scale, at_y + (y - top) * scale) for c, (x, y) in plane.items()}


def _apart(points: Mapping[str, Point], box: tuple[float, float, float, float]) -> dict[str, Point]:
    """Push dots closer than _SPACING apart, half each, for a bounded number of rounds."""
    codes = sorted(points)
    # A hair's breadth in a direction of its own each (golden angle): dots on one spot part that way.
    placed = {
        code: [points[code][0] + 0.01 * math.cos(2.4 * i), points[code][1] + 0.01 * math.sin(2.4 * i)]
        for i, code in enumerate(codes)
    }
    for _ in range(_ROUNDS):
        moved = False
        for index, one in enumerate(codes):
            for other in codes[index + 1 :]:
                moved |= _push(placed[one], placed[other])
        if not moved:
            break
    left, top, right, bottom = box
    edge = _SPACING
    return {
        code: (min(max(x, left + edge), right - edge), min(max(y, top + edge), bottom - edge))
        for code, (x, y) in placed.items()
    }


def _push(one: list[float], other: list[float]) -> bool:
    dx, dy = other[0] - one[0], other[1] - one[1]
    distance = math.hypot(dx, dy)
    if distance >= _SPACING - 0.5:
        return False
    share = (_SPACING - distance) / 2 / max(distance, 1e-9)
    one[0] -= dx * share
    one[1] -= dy * share
    other[0] += dx * share
    other[1] += dy * share
    return True


def _inset(
    group: Mapping[str, Point], taken: Mapping[str, Point], height: float, others: Sequence[Inset]
) -> tuple[Inset, dict[str, Point]]:
    """Put a group into the corner that has the most room."""
    far = WIDTH - _INSET - 8, height - _INSET - 8
    corners = [(far[0], 8.0), (far[0], far[1]), (8.0, far[1]), (8.0, 8.0)]
    free = [corner for corner in corners if all(corner != (o.x, o.y) for o in others)] or corners
    middle = _INSET / 2

    def room(corner: Point) -> float:
        centre = corner[0] + middle, corner[1] + middle
        return min((math.dist(centre, point) for point in taken.values()), default=0.0)

    x, y = max(free, key=room)
    left, top, right, bottom = _bounds(list(group.values()))
    scale = (_INSET - 4 * _SPACING) / max(right - left, bottom - top, 1e-6)
    if len(group) == 1:
        return Inset(x, y, _INSET, tuple(group)), dict.fromkeys(group, (x + middle, y + middle))
    inside = {
        code: (
            x + middle + (px - (left + right) / 2) * scale,
            y + middle + (py - (top + bottom) / 2) * scale,
        )
        for code, (px, py) in group.items()
    }
    return Inset(x, y, _INSET, tuple(group)), _apart(inside, (x, y, x + _INSET, y + _INSET))
