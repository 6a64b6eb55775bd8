"""Says what happens where a test's service or data is absent: a skip for a person, a failure for CI."""

import os
from typing import NoReturn

import pytest


def missing(reason: str) -> NoReturn:
    """Skip the test (or the module being collected); under SLAWATCH_REQUIRE_SERVICES=1 fail it."""
    if os.environ.get("SLAWATCH_REQUIRE_SERVICES") == "1":
        pytest.fail(f"{reason} (SLAWATCH_REQUIRE_SERVICES=1 forbids to skip)", pytrace=False)
    pytest.skip(reason, allow_module_level=True)
