# SPDX-License-Identifier: Apache-2.0
# For those who have Docker, from the top of the tree: docker build -t registry.example.com/sluice:1 .
# With libpq, for store: { postgres: … }: docker build --target sluice-pg -t registry.example.com/sluice-pg:1 .
# Without Docker, `make image` makes smaller ones of the Debian packages (docs/install.md).
FROM debian:12 AS build
WORKDIR /src
COPY . .
RUN apt-get update && tools/deps.sh build
RUN meson setup /build -Dtests=false -Dprefix=/usr && ninja -C /build && DESTDIR=/out meson install -C /build

FROM debian:12-slim AS base
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libcjose0 libcurl4 libedit2 libsqlite3-0 libssl3 libuv1 libyaml-0-2 libzstd1 tzdata zlib1g \
    && rm -rf /var/lib/apt/lists/* \
    && install -d -o 65532 -g 65532 -m 700 /var/lib/sluice
COPY --from=build /out/usr/bin/sluice /usr/bin/sluice
COPY --from=build /out/usr/libexec/sluice /usr/libexec/sluice
COPY service/image.yaml /etc/sluice/sluice.yaml
ENV SLUICE_DATA=/var/lib/sluice
VOLUME /var/lib/sluice
WORKDIR /var/lib/sluice
EXPOSE 5000
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s --retries=3 CMD [ "/usr/bin/sluice", "health" ]
ENTRYPOINT [ "/usr/bin/sluice" ]
CMD [ "serve", "-c", "/etc/sluice/sluice.yaml" ]

FROM base AS sluice-pg
RUN apt-get update && apt-get install -y --no-install-recommends libpq5 && rm -rf /var/lib/apt/lists/*
USER 65532:65532

FROM base AS sluice
USER 65532:65532
