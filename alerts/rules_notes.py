"""Annotations of our alerts: templates that Prometheus fills in. Pure.

What people read is put together from the catalogue in both languages, since nobody knows here who reads
it; receiver and wall choose (``common.annotations``). Numbers and names are templates inside the text.
Evidence holds nothing that merely grows with time: ``since`` says that, and viewers count on from it.

Templates: https://prometheus.io/docs/prometheus/2.42/configuration/template_reference/
"""

import re
from typing import Final

from alerts.rules_model import selector
from common.annotations import EVIDENCE, SHARED, SINCE, UNTIL
from common.i18n import LANGUAGES, t
from inventory import names
from inventory.names import Recorded

MAX_LISTED: Final = 4000
"""Communes or systems in an annotation: more than the country has."""
_MOMENT: Final = "%.1f"
_DECIMALS: Final = re.compile(r'printf "%\.[1-9]f"')


def evidence(key: str, **values: str) -> dict[str, str]:
    """Return the annotations that say ``key`` of the catalogue in each language."""
    return {f"{EVIDENCE}_{language}": _spelt(t(key, language, **values), language) for language in LANGUAGES}


def _spelt(template: str, language: str) -> str:
    """Vietnamese has a comma where decimals begin."""
    return _DECIMALS.sub(r'\g<0> | reReplaceAll "[.]" ","', template) if language == "vi" else template


def either(condition: str, one: dict[str, str], other: dict[str, str]) -> dict[str, str]:
    """Return annotations that are ``one`` where the template's ``condition`` holds, else ``other``."""
    return {
        name: f"{{{{ if {condition} }}}}{one[name]}{{{{ else }}}}{other[name]}{{{{ end }}}}" for name in one
    }


def since(query: str, *labels: str) -> dict[str, str]:
    """Return the annotation that tells when the outage began, empty where ``query`` finds nothing.

    ``query`` yields Unix seconds; each ``%q`` in it takes the alert's value of the next of ``labels``.
    """
    return {SINCE: number(query, *labels, form=_MOMENT)}


def since_pending(name: str) -> dict[str, str]:
    """Return the annotation that tells since when the condition of the alert ``name`` holds."""
    return since(selector("ALERTS_FOR_STATE", f'alertname="{name}", component=%q'), "component")


def down_between() -> dict[str, str]:
    """Return the annotations that tell when a component went down and, once it heals, came back."""
    since_, until = (selector(item, "component=%q") for item in (Recorded.DOWN_SINCE, Recorded.DOWN_UNTIL))
    return {**since(since_, "component"), UNTIL: number(until, "component", form=_MOMENT)}


def number(query: str, *labels: str, form: str = "%.0f", otherwise: str = "") -> str:
    """Return a template: the first value that ``query`` finds, or ``otherwise``."""
    without = f"{{{{ else }}}}{otherwise}" if otherwise else ""
    return (
        f"{{{{ with {_query(query, *labels)} }}}}"
        f'{{{{ . | first | value | printf "{form}" }}}}{without}{{{{ end }}}}'
    )


def added(base: dict[str, str], key: str, query: str, *labels: str, **values: str) -> dict[str, str]:
    """Return annotations ``base``, with the sentence ``key`` behind them where ``query`` finds anything."""
    more = evidence(key, **values)
    return {
        name: f"{base[name]}{{{{ with {_query(query, *labels)} }}}}{more[name]}{{{{ end }}}}" for name in base
    }


def shared_lines(*labels: str) -> dict[str, str]:
    """Return the annotation that lists the shared lines of the alert's commune, or its own if it is one
    (``labels``: line)."""
    matchers = ", ".join(f"{label}=%q" for label in ("commune", *labels))
    query = selector(names.LINE_INFO, f'{matchers}, shared="yes"')
    return {SHARED: listed("line", query, "commune", *labels)}


def listed(label: str, query: str, *labels: str) -> str:
    """Return a template: the values of ``label`` in the result of ``query``, sorted, space between them.

    ``query`` is asked about the alert's component, or its ``labels``.
    """
    asked = _query(query, *(labels or ("component",)))
    return (
        f'{{{{ range $i, $found := {asked} | sortByLabel "{label}" }}}}'
        f"{{{{ if lt $i {MAX_LISTED} }}}}{{{{ if $i }}}} {{{{ end }}}}{{{{ $found.Labels.{label} }}}}"
        "{{ end }}{{ end }}"
    )


def named(label: str, query: str, *labels: str) -> str:
    """Return a template: the values of ``label`` in the result of ``query``, sorted, commas between them."""
    return (
        f'{{{{ range $i, $found := {_query(query, *labels)} | sortByLabel "{label}" }}}}'
        f"{{{{ if lt $i 10 }}}}{{{{ if $i }}}}, {{{{ end }}}}{{{{ $found.Labels.{label} }}}}"
        "{{ end }}{{ end }}"
    )


def failed_members(label: str) -> str:
    """Return a template: the communes (``commune``) or systems (``target``) that fail in a component."""
    member = selector(names.COMPONENT_MEMBER, "component=%q")
    failed = f"{member} * on (member) group_left () {Recorded.FAILED} == 1"
    return listed(label, f'max by ({label}) (label_replace({failed}, "{label}", "$1", "origin", "(.+)"))')


def counts() -> dict[str, str]:
    """Return templates for ``failed`` and ``members`` of a component."""
    return {
        "failed": number(selector(Recorded.FAILED_MEMBERS, "component=%q"), "component"),
        "members": number(selector(Recorded.MEMBERS, "component=%q"), "component"),
    }


def _query(query: str, *labels: str) -> str:
    quoted = query.replace("\\", "\\\\").replace('"', '\\"')
    if not labels:
        return f'query "{quoted}"'
    return f'query (printf "{quoted}" {" ".join(f"$labels.{label}" for label in labels)})'
