#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Checks examples/prometheus and runs the cases of its alerts. promtool is a part of Debian's package prometheus, whose installation would
# start a server: so only this program is taken out of the package, once (19 MB).
set -eu
cd "$(dirname "$0")"
promtool=$(command -v promtool || echo ".promtool/usr/bin/promtool")
if ! [ -x "$promtool" ]; then
    mkdir -p .promtool
    (cd .promtool && apt-get download -qq prometheus && dpkg -x prometheus_*.deb . && rm prometheus_*.deb)
fi
"$promtool" check config ../../examples/prometheus/prometheus.yaml
"$promtool" test rules sluice-alerts-test.yaml
