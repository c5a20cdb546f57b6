"""YAML that people read: keys in our order, no anchors, tuples as lists."""

from typing import Any, Final

import yaml

from common.yaml.scalars import is_ambiguous

_WIDTH: Final = 100


class _Dumper(yaml.CSafeDumper):
    """Writes shared values out instead of pointing back to them, and quotes every text that would be
    read as something else where no type says text (``1e5``)."""

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True


def _represent_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="'" if is_ambiguous(text) else None)


_Dumper.add_representer(str, _represent_text)


def dump(content: Any, header: str = "", *, compact: bool = False) -> bytes:
    """Return ``content`` as UTF-8, after ``header`` (a comment) where one is given; ``compact`` writes
    what holds no collection on one line."""
    style = None if compact else False
    body = yaml.dump(
        content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=style, width=_WIDTH
    )
    return (header + str(body)).encode()
