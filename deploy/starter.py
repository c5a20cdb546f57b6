"""The starting inventory that ``thongsuot init`` writes: real communes, the rest to fill in. Pure."""

import json
from collections.abc import Iterable
from typing import Final

from common.i18n import LANGUAGES, t
from inventory.national import NationalCommune

_TEMPLATE: Final = """\
{top}
version: 1
province: {{code: "{code}", name: {name}}}

{hub}
hub:
  name: {{vi: {hub_name_vi}, en: {hub_name_en}}}
  address: 10.0.0.1
  remote_write_url: https://10.0.0.1/api/v1/write
  contact: truc-tinh

{contacts}
contacts:
  - {{id: truc-tinh, name: {{vi: {duty_name_vi}, en: {duty_name_en}}}}}
  - {{id: nha-mang, name: {{vi: {carrier_name_vi}, en: {carrier_name_en}}}}}

{carriers}
carriers:
  - {{id: nha-mang, name: {{vi: Nhà mạng, en: Carrier}}, contact: nha-mang}}

{segments}
segments:
  - {{id: tslcd, kind: wan, name: {{vi: {wan_name_vi}, en: {wan_name_en}}}, contact: truc-tinh}}

{systems}
systems:
  - id: dvc-quoc-gia
    name: {{vi: Cổng Dịch vụ công Quốc gia, en: National Public Service Portal}}
    owner: {{vi: Văn phòng Chính phủ, en: Office of the Government}}
    check: {{kind: http, address: "https://dichvucong.gov.vn/", interval_seconds: 15}}
    path: [tslcd]
  - id: ho-tich
    name: {{vi: Hộ tịch điện tử, en: Electronic civil status}}
    owner: {{vi: Bộ Tư pháp, en: Ministry of Justice}}
    check: {{kind: http, address: "https://hotichdientu.moj.gov.vn/", interval_seconds: 15}}
    path: [tslcd]

{calendars}
calendars:
  - id: hanh-chinh
    name: {{vi: Giờ hành chính, en: Office hours}}
    hours:
      mon: ["07:30-11:30", "13:30-17:00"]
      tue: ["07:30-11:30", "13:30-17:00"]
      wed: ["07:30-11:30", "13:30-17:00"]
      thu: ["07:30-11:30", "13:30-17:00"]
      fri: ["07:30-11:30", "13:30-17:00"]
    holidays: VN

{oncall}
oncall: {{rotation: [truc-tinh], starts: {starts}}}

{notify}
notify: {{digest: {{at: "08:00", calendar: hanh-chinh}}}}

{communes}
communes:
"""

_COMMUNE: Final = """\
  - code: "{code}"
    name: {name}
    latitude: {latitude}
    longitude: {longitude}
    calendar: hanh-chinh
    lines: [{{carrier: nha-mang, down_mbps: 200, up_mbps: 200}}]
"""

_COMMENTS: Final = (
    "top", "hub", "contacts", "carriers", "segments", "systems", "calendars", "oncall", "notify",
    "communes",
)  # fmt: skip
_NAMES: Final = ("hub_name", "duty_name", "carrier_name", "wan_name")


def starter(province: str, communes: Iterable[NationalCommune], starts: str) -> str:
    """Return the file, its comments in the current language.

    ``province`` is the name without its type; ``communes`` those of one province, at least one;
    ``starts`` the date (ISO 8601) from which the on-call rotation counts.
    """
    found = list(communes)
    comments = {name: _comment(f"init.comment_{name}", count=len(found)) for name in _COMMENTS}
    names = {f"{name}_{lang}": _quoted(t(f"init.{name}", lang)) for name in _NAMES for lang in LANGUAGES}
    head = _TEMPLATE.format(
        code=found[0].province_code, name=province, starts=starts, **comments, **names
    )  # fmt: skip
    return head + "".join(_commune(commune) for commune in found)


def _quoted(text: str) -> str:
    """Return a text in the double quotes that YAML shares with JSON: a comma would end it otherwise."""
    return json.dumps(text, ensure_ascii=False)


def _comment(key: str, **values: object) -> str:
    return "\n".join(f"# {line}".rstrip() for line in t(key, **values).strip().splitlines())


def _commune(commune: NationalCommune) -> str:
    return _COMMUNE.format(
        code=commune.code, name=commune.name, latitude=commune.latitude, longitude=commune.longitude
    )  # fmt: skip
