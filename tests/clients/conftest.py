# SPDX-License-Identifier: Apache-2.0
import os

import pytest

# No client may send telemetry, or fetch data that it needs from elsewhere.
os.environ.update(OPENAI_API_KEY="k", OPENAI_AGENTS_DISABLE_TRACING="1", LANGSMITH_TRACING="false", LITELLM_LOCAL_MODEL_COST_MAP="True", DO_NOT_TRACK="1")

from harness import Sluice  # noqa: E402
from model import Lab  # noqa: E402


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    lab = Lab(lambda config: Sluice(tmp_path_factory.mktemp("daemon"), config))
    yield lab
    lab.close()
    lab.daemon.stop()
