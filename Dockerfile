# The image holds one static binary, the certificate authorities and the time zones; no shell, no
# package manager, no root. Build: make image. Run: docker-compose.yml.

FROM --platform=$BUILDPLATFORM golang:1.26.8 AS build
ARG TARGETOS
ARG TARGETARCH
ARG VERSION=dev
ENV CGO_ENABLED=0 GOCACHE=/cache/build GOMODCACHE=/cache/mod
WORKDIR /src

# Modules first: their layer outlives every change of the code alone.
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/cache/mod \
    go mod download

COPY . .
RUN --mount=type=cache,target=/cache/mod --mount=type=cache,target=/cache/build \
    GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -buildvcs=false \
      -ldflags "-s -w -X main.version=$VERSION" -o /out/ordinaut ./cmd/ordinaut && \
    mkdir -p /out/tmp /out/data

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /usr/local/go/lib/time/zoneinfo.zip /usr/local/go/lib/time/zoneinfo.zip
COPY --from=build --chown=65532:65532 /out/tmp /tmp
COPY --from=build --chown=65532:65532 --chmod=0700 /out/data /var/lib/ordinaut
COPY --from=build /out/ordinaut /ordinaut

# The zones come from the toolchain that compiled the binary, whatever the host has.
ENV ZONEINFO=/usr/local/go/lib/time/zoneinfo.zip \
    ORDINAUT_DATA_DIR=/var/lib/ordinaut
USER 65532:65532
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["/ordinaut", "doctor", "--health-url", "http://127.0.0.1:8080/health/live"]
ENTRYPOINT ["/ordinaut"]
CMD ["serve"]
