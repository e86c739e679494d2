# SPDX-License-Identifier: Apache-2.0
import pytest

pytest.register_assert_rewrite("console_browser")

from console_browser import Browser, Console  # noqa: E402


@pytest.fixture(scope="session")
def browser():
    one = Browser()
    yield one
    one.close()


@pytest.fixture
def console(browser):
    """A factory: the console of a daemon, in a browser that remembers nothing."""
    return lambda daemon, **context: Console(browser, daemon, **context)
