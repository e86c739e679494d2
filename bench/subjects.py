# SPDX-License-Identifier: Apache-2.0
"""The gateways that are measured, with their configuration and start. All of them write an access log to a file."""
from __future__ import annotations

import os
import pathlib
import pwd
import shutil
import subprocess

from harness import BenchError, Gateway, free_port

NGINX_CONF = """\
daemon off;
worker_processes 1;
worker_rlimit_nofile 16384;
user {user};
pid {dir}/nginx.pid;
error_log {dir}/error.log warn;
events {{ worker_connections 8192; }}
http {{
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    access_log {dir}/access.log combined;
    client_max_body_size 0;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
    upstream mock {{
        server 127.0.0.1:{upstream};
        keepalive 256;
        keepalive_requests 1000000000;
        keepalive_timeout 1h;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{
            proxy_pass {scheme}://mock;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
            proxy_read_timeout 1h;
        }}
    }}
}}
"""

HAPROXY_CONF = """\
global
    nbthread 1
    maxconn 8192
    log stdout format raw local0
defaults
    mode http
    log global
    option httplog
    http-reuse always
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    timeout http-keep-alive 1h
frontend in
    bind 127.0.0.1:{port} backlog 4096
    default_backend mock
backend mock
    server mock 127.0.0.1:{upstream} {tls}
"""

SLUICE_CONF = """\
server: {{ listen: "127.0.0.1:{port}", workers: 1, spool: "{dir}" }}
log: {{ access: "{dir}/access.log", level: warning }}
{upstream_section}endpoints:
"""

SLUICE_ENDPOINT = """\
  - name: {name}
    endpoint_type: llm/v1/chat
    model:
      provider: openai
      name: gpt-4o-mini
      config:
        openai_api_key: sk-bench
        openai_api_base: "{scheme}://127.0.0.1:{upstream}/v1"
"""


SLUICE_TRANSLATED = """\
  - name: transcribe
    endpoint_type: llm/v1/transcriptions
    model:
      provider: openai
      name: gpt-4o-transcribe
      config:
        openai_api_key: sk-bench
        openai_api_base: "{scheme}://127.0.0.1:{upstream}/v1"
  - name: claude
    endpoint_type: llm/v1/chat
    model:
      provider: anthropic
      name: claude-sonnet-4-5-20250929
      config:
        anthropic_api_key: sk-bench
        anthropic_api_base: "{scheme}://127.0.0.1:{upstream}/v1"
  - name: gemini
    endpoint_type: llm/v1/chat
    model:
      provider: gemini
      name: gemini-2.5-flash
      config:
        gemini_api_key: sk-bench
        gemini_api_base: "{scheme}://127.0.0.1:{upstream}/v1beta"
  - name: bedrock
    endpoint_type: llm/v1/chat
    model:
      provider: bedrock
      name: amazon.nova-pro-v1:0
      config:
        aws_config:
          aws_region: us-east-1
          aws_access_key_id: AKIDEXAMPLE
          aws_secret_access_key: wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY
          aws_endpoint_url: "{scheme}://127.0.0.1:{upstream}"
  - name: bedrock-key
    endpoint_type: llm/v1/chat
    model:
      provider: bedrock
      name: amazon.nova-pro-v1:0
      config:
        aws_config:
          aws_region: us-east-1
          aws_bearer_token: sk-bench
          aws_endpoint_url: "{scheme}://127.0.0.1:{upstream}"
  - name: cohere
    endpoint_type: llm/v1/chat
    model:
      provider: cohere
      name: command-a-03-2025
      config:
        cohere_api_key: sk-bench
        cohere_api_base: "{scheme}://127.0.0.1:{upstream}/v2"
  - name: responses
    endpoint_type: llm/v1/chat
    model:
      provider: openai
      name: gpt-4o-mini
      config:
        openai_api: responses
        openai_api_key: sk-bench
        openai_api_base: "{scheme}://127.0.0.1:{upstream}/v1"
  - name: compatible
    endpoint_type: llm/v1/chat
    model:
      provider: openai-compatible
      name: gpt-4o-mini
      config:
        api_key: sk-bench
        api_base: "{scheme}://127.0.0.1:{upstream}/v1"
"""


# A price, and three limits that let all calls pass.
SLUICE_PRICES = "prices: { models: { openai/gpt-4o-mini: { input_cost_per_token: 1.5e-07, output_cost_per_token: 6.0e-07 } } }\n"
SLUICE_LIMITS = "    limits: [ { requests: 1000000, per: day }, { tokens: 1000000000, per: day }, { money: 10000, per: day } ]\n"

# Four counters; with a session's, whose window moves with each call, none of them is leased.
SLUICE_FOUR = "    limits: [ {{ requests: 100000000, per: day }}, {{ tokens: 100000000000, per: day }}, {{ money: 1000000, per: day }}, {} ]\n"
SLUICE_LEASED = SLUICE_FOUR.format("{ requests: 10000000, per: hour }")
SLUICE_ASKED = SLUICE_FOUR.format("{ session: { calls: 10000000 } }")

# The same upstream twice.
SLUICE_PAIR = """\
  - name: pair
    endpoint_type: llm/v1/chat
    model: &one
      provider: openai
      name: gpt-4o-mini
      config:
        openai_api_key: sk-bench
        openai_api_base: "{scheme}://127.0.0.1:{upstream}/v1"
    sluice:
      targets: [ {{ name: model }}, {{ name: other, model: *one }} ]
"""


class Subject:
    """How to start one kind of gateway. `ca`: the upstream speaks TLS, with a certificate of this authority."""

    name = ""
    can_tls = True  # to the upstream, with verification

    def __init__(self, binary: str):
        found = shutil.which(binary)
        if not found:
            raise BenchError(f"{binary} is not there")
        self.binary = found
        self.runs = 0

    def start(self, folder: pathlib.Path, upstream: int, ca: pathlib.Path | None = None, **options) -> Gateway:
        """A fresh process, listening."""
        gateway = self.launch(folder, upstream, ca, **options)
        try:
            gateway.wait_ready()
        except BenchError:
            gateway.stop()
            raise
        return gateway

    def launch(self, folder: pathlib.Path, upstream: int, ca: pathlib.Path | None = None, **options) -> Gateway:
        """The same as `start`, but returns at once: its configuration was written before `Gateway.began`."""
        self.runs += 1
        own = folder / f"{self.name}-{self.runs}"
        own.mkdir()
        port = free_port()
        argv = self.configure(own, port, upstream, ca, **options)
        return Gateway(self.name, argv, port, own / "stdout", own / "stderr")

    def configure(self, folder: pathlib.Path, port: int, upstream: int, ca: pathlib.Path | None,
                  **options) -> list[str]:
        raise NotImplementedError

    def version(self) -> str:
        raise NotImplementedError


class Nginx(Subject):
    name = "nginx"
    can_tls = False

    def configure(self, folder, port, upstream, ca, **options):
        conf = folder / "nginx.conf"
        conf.write_text(NGINX_CONF.format(dir=folder, port=port, upstream=upstream, scheme="http",
                                          user=pwd.getpwuid(os.getuid()).pw_name))
        return [self.binary, "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(conf)]

    def version(self):
        return subprocess.run([self.binary, "-v"], capture_output=True, text=True).stderr.strip().split("/")[-1]


class Haproxy(Subject):
    name = "haproxy"

    def configure(self, folder, port, upstream, ca, **options):
        conf = folder / "haproxy.cfg"
        tls = f"ssl verify required ca-file {ca} verifyhost localhost sni str(localhost)" if ca else ""
        conf.write_text(HAPROXY_CONF.format(port=port, upstream=upstream, tls=tls))
        return [self.binary, "-db", "-f", str(conf)]

    def version(self):
        return subprocess.run([self.binary, "-v"], capture_output=True, text=True).stdout.split()[2]


class Sluice(Subject):
    name = "sluice"

    def configure(self, folder, port, upstream, ca, endpoints: int = 1, data="none", more: str = "",
                  chat: str = "", traced: float | None = None, **options):
        """`data`: the data directory, or "own" for a new one. `more` and `chat`: lines for the file and for its route chat.
        `traced`: the share of calls whose spans the upstream gets as a collector."""
        conf = folder / "sluice.yaml"
        section = f'upstream: {{ ca: "{ca}" }}\n' if ca else ""
        section += more
        section += f"otel: {{ endpoint: http://127.0.0.1:{upstream}, sample: {traced} }}\n" if traced is not None else ""
        text = SLUICE_CONF.format(port=port, dir=folder, upstream_section=section)
        scheme = "https" if ca else "http"
        names = [f"route-{i}" for i in range(endpoints - 1)] + ["chat"]
        text += SLUICE_TRANSLATED.format(scheme=scheme, upstream=upstream)
        text += SLUICE_PAIR.format(scheme=scheme, upstream=upstream)
        text += "".join(SLUICE_ENDPOINT.format(name=n, scheme=scheme, upstream=upstream) for n in names)
        conf.write_text(text + chat)
        return [self.binary, "serve", "-c", str(conf), "--data", str(folder / "data" if data == "own" else data)]

    def version(self):
        lines = subprocess.run([self.binary, "version"], capture_output=True, text=True).stdout.splitlines()
        return lines[0].removeprefix("sluice ") if lines else "?"
