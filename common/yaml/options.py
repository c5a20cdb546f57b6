"""Options of a kind (of probe, of channel): plain data that only the kind's own struct understands.

judge(record, key, kinds, report, at)     what is wrong with those of a file, in one go with the rest
convert_options(kind, kinds, options)     the struct, at run time
"""

from collections.abc import Collection, Mapping
from typing import Any, Protocol, TypeVar

from common.yaml.convert import convert
from common.yaml.decode import Decoder
from common.yaml.plain import Data, node_of
from common.yaml.problems import Location, Refused, one_of
from common.yaml.report import Reporter

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Kind(Protocol[T_co]):
    """What a registry knows of a kind."""

    @property
    def config(self) -> type[T_co]:
        """The struct of its options."""


def judge(record: Data, key: str, kinds: Mapping[str, Kind[Any]], report: Reporter, at: Location) -> bool:
    """Report what is wrong with the kind (under ``key``) and the ``options`` of ``record``; whether there
    is such a kind."""
    kind = record.get(key)
    if not isinstance(kind, str) or not _known(kind, kinds, report, (*at, key)):
        return False
    _judge_options(record.get("options", {}), kinds[kind].config, report, (*at, "options"))
    return True


def convert_options(kind: str, kinds: Mapping[str, Kind[T]], options: Mapping[str, Any]) -> T:
    """Return the struct of ``kind`` made from ``options``. Raises Refused, with ``kind`` as the file."""
    report = Reporter(kind)
    _known(kind, kinds, report, ("kind",))
    report.refuse()
    made = _judge_options(dict(options), kinds[kind].config, report, ())
    if made is None:
        raise Refused(report.problems())
    return made


def _known(kind: str, kinds: Collection[str], report: Reporter, at: Location) -> bool:
    if kind not in kinds:
        names = sorted(kinds)
        report.add(at, "yaml.value", one_of(names), report.nearest(kind, names), found=kind)
    return kind in kinds


def _judge_options(options: Data, model: type[T], report: Reporter, at: Location) -> T | None:
    before = report.count
    plain = Decoder(report, one_line=False).read(node_of(options, report.line_of, at), model, at)
    return convert(plain, model, report, at) if report.count == before else None
