"""One Chromium for all tests here; each has windows of its own in it."""

from collections.abc import Iterator

import pytest
from chromium import Chromium


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    with Chromium() as program:
        yield program
