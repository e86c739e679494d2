# SPDX-License-Identifier: Apache-2.0
"""What is in the memory of a process."""
import os
import re

import pytest

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may read another process's memory")


def memory_find(pid, words):
    """The words that are in the writable memory of a process."""
    found = set()
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            match = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
            if not match or "[v" in line:
                continue
            start, end = (int(x, 16) for x in match.groups())
            memory.seek(start)
            try:
                text = memory.read(end - start)
            except OSError:
                continue  # a guard page
            found.update(word for word in words if word.encode() in text)
    return found
