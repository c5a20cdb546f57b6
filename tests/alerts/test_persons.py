"""Who is concerned gets the message at their own address, and whoever got it hears of the end."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from alerts import persons
from common.yaml.problems import Refused
from deploy import validate
from inventory.load import dump
from inventory.model import Channel, Contact
from tests.alerts.desk import Desk, commune, oncall, province_with
from tests.alerts.outages import province

ZALO = Channel(id="zalo", kind="zalo", to_persons=True, options={"chat_id": "group", "token_file": "/t"})
MAIL = Channel(
    id="mail", kind="email", to_persons=True,
    options={"host": "mail.example", "sender": "a@tinh.example", "recipients": ["nhom@tinh.example"]},
)  # fmt: skip


def people(**addresses: dict[str, Any]) -> tuple[Contact, ...]:
    """The contacts of the province, some with addresses of their own."""
    changed = {identity.replace("_", "-"): values for identity, values in addresses.items()}
    return tuple(msgspec.structs.replace(one, **changed.get(one.id, {})) for one in province().contacts)


def desk(path: Path, **changes: Any) -> Desk:
    contacts = people(so_khcn={"zalo": "chat-1"}, truc_b={"addresses": {"zalo": "chat-2"}})
    return Desk(path, province_with(None, ZALO, contacts=contacts, **changes))


def test_a_channel_stands_for_one_a_person_that_has_an_address() -> None:
    contacts = people(
        so_khcn={"zalo": "chat-1", "email": "a@b.example"}, truc_b={"addresses": {"zalo": "own"}}
    )
    found = {one.id: one for one in persons.channels(province_with(None, ZALO, MAIL, contacts=contacts))}
    assert set(found) == {"zalo", "zalo/so-khcn", "zalo/truc-b", "mail", "mail/so-khcn", "mail/vnpt-noc"}
    assert found["zalo/truc-b"].options == {"chat_id": "own", "token_file": "/t"}
    assert found["mail/so-khcn"].options["recipients"] == ["a@b.example"]
    assert found["mail/so-khcn"].options["host"] == "mail.example"


async def test_a_page_goes_to_whoever_is_on_call_and_a_step_to_whom_it_calls(tmp_path: Path) -> None:
    made = desk(tmp_path / "store.sqlite", oncall=oncall(escalation=[{"after_minutes": 15}]))
    one = commune("21040")
    await made.fires(one)
    await made.passes(1)
    first = {c.id for c in persons.channels(made.inventory)} - {"zalo"}
    told = {channel for channel in first if await made.told(channel)}
    assert len(told) == 1
    await made.passes(16 * 60, step=30)
    called = {channel for channel in first - told if await made.told(channel)}
    assert called == first - told, "the second of the rotation"
    await made.ends(one)
    assert [await made.told(channel) for channel in sorted(first)] == [["resolved CommuneCutOff 0"]] * 2
    assert await made.told("zalo") == []
    await made.store.close()


async def test_who_has_no_address_is_told_as_before_and_a_ticket_goes_to_all(tmp_path: Path) -> None:
    made = Desk(tmp_path / "store.sqlite", province_with(None, ZALO, oncall=oncall()))
    await made.fires(commune("21040"))
    assert await made.told("zalo") == ["firing CommuneCutOff 0"]
    await made.store.close()
    other = desk(tmp_path / "other.sqlite", oncall=oncall())
    await other.fires(commune("21040", severity="ticket"))
    assert await other.told("zalo") == ["firing CommuneCutOff 0"]
    await other.store.close()


@pytest.mark.parametrize(
    ("channel", "contact", "said"),
    [
        (Channel(id="so", kind="webhook", to_persons=True, options={"url": "http://x/"}), {}, "to_persons"),
        (ZALO, {"zalo": "không phải mã"}, "zalo"),
        (ZALO, {"addresses": {"zalo": "a b"}}, "addresses"),
        (ZALO, {"addresses": {"zallo": "1"}}, "zallo"),
    ],
)
def test_what_is_nobodys_address_is_refused(
    tmp_path: Path, channel: Channel, contact: dict[str, Any], said: str
) -> None:
    file = tmp_path / "province.yml"
    file.write_text(dump(province_with(None, channel, contacts=people(truc_b=contact))), encoding="utf-8")
    with pytest.raises(Refused, match=said):
        validate.read(file)


def test_good_addresses_are_taken(tmp_path: Path) -> None:
    file = tmp_path / "province.yml"
    contacts = people(truc_b={"addresses": {"zalo": "chat-2", "mail": "b@tinh.example"}})
    file.write_text(dump(province_with(None, ZALO, MAIL, contacts=contacts)), encoding="utf-8")
    assert validate.read(file).inventory.contacts == contacts
