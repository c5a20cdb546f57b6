from typing import Any

from inventory.decode import Reporter


def judge(data: dict[str, Any], report: Reporter) -> None:
    pass
