# syntax=docker/dockerfile:1
# SPDX-License-Identifier: Apache-2.0
#
# One target for each program that ships:
#   docker build --target manager -t ghcr.io/vedette-dev/manager:v0.1.0 .
# The images hold one static binary and the certificates of public authorities, and nothing else.

FROM --platform=$BUILDPLATFORM golang:1.26 AS build
ARG TARGETOS TARGETARCH
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY api api
COPY controllers controllers
COPY internal internal
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -ldflags "-s -w" -o /bin/ ./internal/cmd/manager ./internal/cmd/capture ./internal/cmd/analyze ./internal/cmd/review

FROM gcr.io/distroless/static:nonroot AS base
USER 65532:65532

FROM base AS manager
COPY --from=build /bin/manager /bin/manager
ENTRYPOINT ["/bin/manager"]

FROM base AS capture
COPY --from=build /bin/capture /bin/capture
ENTRYPOINT ["/bin/capture"]

FROM base AS analyze
COPY --from=build /bin/analyze /bin/analyze
ENTRYPOINT ["/bin/analyze"]

FROM base AS review
COPY --from=build /bin/review /bin/review
ENTRYPOINT ["/bin/review"]
