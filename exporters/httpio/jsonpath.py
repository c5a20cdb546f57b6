"""JSON path (RFC 9535) over a stranger's document. Pure.

The library is imported by the first path there is: it costs 3 MB and 40 ms, and most targets have none.
"""

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from jsonpath_rfc9535 import JSONPathQuery

MAX_PATH_LENGTH: Final = 500
MAX_FOUND: Final = 1000


@lru_cache(maxsize=512)
def compiled(path: str) -> "JSONPathQuery":
    """Return a path ready for use. Raises ValueError, saying what is wrong with it."""
    from jsonpath_rfc9535 import JSONPathEnvironment, JSONPathError  # noqa: PLC0415 - see above

    if len(path) > MAX_PATH_LENGTH:
        raise ValueError(f"longer than {MAX_PATH_LENGTH} characters")
    try:
        return JSONPathEnvironment().compile(path)
    except (JSONPathError, RecursionError, ValueError, ArithmeticError) as error:
        raise ValueError(str(error).partition("\n")[0] or type(error).__name__) from None


def parse(data: bytes) -> Any:
    """Return a JSON document (RFC 8259). Raises ValueError."""
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(str(error)) from None


def select(path: str, document: Any) -> list[Any]:
    """Return the values that ``path`` selects, at most :data:`MAX_FOUND`. Raises ValueError for a document
    that is nested too deeply. Takes as long as it takes: use within a budget."""
    from jsonpath_rfc9535 import JSONPathError  # noqa: PLC0415 - see above

    found: list[Any] = []
    try:
        for node in compiled(path).finditer(document):
            found.append(node.value)
            if len(found) == MAX_FOUND:
                break
    except (JSONPathError, RecursionError) as error:
        raise ValueError(str(error).partition("\n")[0]) from None
    return found


def text_of(value: Any) -> str:
    """Return a value as text: a JSON string as it is, anything else as JSON.

    >>> text_of("a"), text_of(1.0), text_of(True), text_of({"a": [None]})
    ('a', '1.0', 'true', '{"a":[null]}')
    """
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
