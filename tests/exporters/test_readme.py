"""The template in exporters/README.md is a working kind of probe."""

import re
from pathlib import Path
from types import ModuleType

from exporters.base import Target
from exporters.registry import check_module
from inventory.names import Reason
from tests.exporters.servers import serve, then_silent

README = Path(__file__).resolve().parents[2] / "exporters" / "README.md"


def template() -> ModuleType:
    [code] = re.findall(
        r"^```python\n(.*?)^```$", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    module = ModuleType("exporters.probes.lines")
    exec(compile(code, str(README), "exec"), vars(module))
    return module


async def test_the_template_measures() -> None:
    kind = check_module(template())
    assert kind.kind == "lines"
    for said, reason in ((b"220 ready\r\n", Reason.OK), (b"", Reason.STALLED), (b"hello", Reason.PROTOCOL)):
        async with serve(then_silent(said)) as port:
            target = Target(name="t", address=f"127.0.0.1:{port}", timeout_seconds=10.0 if said else 0.1)
            outcome = await kind.probe(target, kind.config())
        assert outcome.reason is reason


def test_every_kind_and_reason_is_explained() -> None:
    text = README.read_text(encoding="utf-8")
    assert [reason for reason in Reason if f"`{reason}`" not in text] == []
