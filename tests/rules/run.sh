#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Checks examples/prometheus, runs the cases of its alerts, and runs every query of examples/grafana against Prometheus and a daemon. The
# installation of Debian's package prometheus would start a server: so only its programs are taken out of it, once (60 MB).
# usage: run.sh DAEMON
set -eu
daemon=$(realpath "$1")
cd "$(dirname "$0")"
if command -v prometheus >/dev/null && command -v promtool >/dev/null; then
    bin=$(dirname "$(command -v prometheus)")
else
    bin=$PWD/.prometheus/usr/bin
fi
if ! [ -x "$bin/prometheus" ]; then
    mkdir -p .prometheus
    (cd .prometheus && apt-get download -qq prometheus && dpkg -x prometheus_*.deb . && rm prometheus_*.deb)
fi
"$bin/promtool" check config ../../examples/prometheus/prometheus.yaml
"$bin/promtool" test rules sluice-alerts-test.yaml
../wire/setup.sh
SLUICE_BIN=$daemon ../wire/.venv/bin/python board.py "$bin/prometheus"
