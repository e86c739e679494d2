# SPDX-License-Identifier: Apache-2.0
"""Long lists: a thousand routes and ten thousand keys. Only the rows that are seen are drawn, and a page of the list is one call."""
import json
import time

import pytest

from console_data import ADMIN, mock

pytestmark = pytest.mark.timeout(300)  # a browser on a busy machine

N_ROUTES, N_KEYS = 1000, 10000
DRAWN = 120


def test_a_thousand_routes_and_ten_thousand_keys(console, sluice, tmp_path):
    config = {
        "auth": {"admin_key": "$THE_ADMIN", "keys": [{"name": f"key-{i:05}", "principal": f"team-{i % 50}", "role": "query", "key": {"sha256": f"{i:064x}"}} for i in range(N_KEYS)]},
        "endpoints": [{**mock(f"route-{i:04}"), "limits": [{"requests": i + 1, "per": "day"}]} for i in range(N_ROUTES)],
    }
    daemon = sluice(raw=json.dumps(config), args=["--data", str(tmp_path / "data")], env={"THE_ADMIN": ADMIN})
    page = console(daemon, headers={"Authorization": f"Bearer {ADMIN}"})
    for where, title, n, calls in (("routes", "Routes", N_ROUTES, 1), ("limits", "Limits", N_ROUTES, 12), ("keys", "Keys and groups", N_KEYS + 1, 11)):
        page.open("about:blank")
        page.forget()
        begun = time.monotonic()
        page.go(where, title)
        at = f'table[aria-label="{title}"]'
        page.seen(f"{at} >> tbody td")
        first = time.monotonic() - begun
        page.seen(f'{at}[aria-rowcount="{n + 1}"]')
        whole = time.monotonic() - begun
        assert page.count(f"{at} tbody tr") < DRAWN
        page.eval(f"document.querySelector('{at}').parentNode.scrollTop = 1e9")
        page.seen(f"{at} >> tr[aria-rowindex=\"{n + 1}\"]")
        assert page.count(f"{at} tbody tr") < DRAWN
        asked = [r for r in page.told()["requests"] if "/api/sluice/v1/" in r and "/session" not in r and "/usage" not in r and "/status" not in r]
        assert len(asked) <= calls + 1, asked
        print(f"{title}: first rows {first:.2f} s, all {whole:.2f} s")
        assert first < 15
    begun = time.monotonic()
    page.fill(at='input[type="search"]', text="key-04242")
    page.seen('table[aria-label="Keys and groups"][aria-rowcount="2"]')
    print(f"filtered in {time.monotonic() - begun:.2f} s")
    page.clean()
