"""YAML that people read: keys in our order, no anchors, tuples as lists."""

from typing import Any

import yaml


class _Plain(yaml.CSafeDumper):
    """Writes shared values out instead of pointing back to them."""

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True


def dump(content: Any, header: str = "") -> bytes:
    """Return ``content`` as UTF-8, after ``header`` (a comment) where one is given."""
    body = yaml.dump(content, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=100)
    return (header + str(body)).encode()
