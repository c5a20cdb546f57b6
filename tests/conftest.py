"""What holds for all tests: no timing decides one, and none leaves its language to the next."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from common import i18n

settings.register_profile("thongsuot", deadline=None)
settings.load_profile("thongsuot")


@pytest.fixture(autouse=True)
def _language() -> Iterator[None]:
    """A command that runs in a test chooses a language."""
    yield
    i18n._chosen = ""
