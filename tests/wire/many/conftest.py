# SPDX-License-Identifier: Apache-2.0
import itertools

import pytest

from pgbouncer import PgBouncer
from postgres import Postgres

ADMIN = "sk-admin-of-all-nodes-0123456789"
SECRET = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_shared():
    server = Postgres()
    yield server
    server.close()


@pytest.fixture
def postgres_own():
    """A server that the test may kill."""
    server = Postgres()
    yield server
    server.close()


@pytest.fixture
def postgres_other():
    """A second one."""
    server = Postgres()
    yield server
    server.close()


@pytest.fixture
def pgbouncer(postgres_shared):
    """Starts a pooler in front of the shared server."""
    running = []

    def start(mode):
        running.append(PgBouncer(postgres_shared, mode))
        return running[-1]

    yield start
    for pooler in running:
        pooler.close()


@pytest.fixture
def store(postgres_shared):
    """The URL of an empty database."""
    return postgres_shared.database(f"test_{next(numbers)}")


@pytest.fixture
def node(sluice, tmp_path):
    """Starts a daemon on the shared store; each has a data directory of its own."""
    count = itertools.count(1)

    def start(url, config=None, data=None, env=None, **more):
        config = {"auth": {"admin_key": "$SLUICE_TEST_ADMIN"}, "endpoints": [], **(config or {}), "store": {"postgres": "$SLUICE_TEST_STORE", **more.pop("store", {})}}
        env = {"SLUICE_TEST_ADMIN": ADMIN, "SLUICE_SECRET_KEY": SECRET, "SLUICE_TEST_STORE": url, **(env or {})}
        data = data or tmp_path / f"data-{next(count)}"
        daemon = sluice(config, args=["--data", str(data), "--workers", "2"], env=env, **more)
        daemon.data = data
        return daemon

    return start
