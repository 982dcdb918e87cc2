#!/usr/bin/env bash
# `docker compose` of version 2, built from its sources where the machine's packages have none. 2 minutes, once.
set -euo pipefail
docker compose version >/dev/null 2>&1 && exit 0
export PATH=$PATH:/usr/local/go/bin
command -v go >/dev/null || {
  echo '   no docker compose, and no Go to build it with'
  exit 0
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
printf 'module compose\n\ngo 1.24\n' >go.mod
go mod download -json github.com/docker/compose/v2@v2.40.3 >download.json
sources=$(node -p 'JSON.parse(fs.readFileSync("download.json")).Dir')
cp "$sources/go.mod" compose.mod
cp "$sources/go.sum" compose.sum
chmod u+w compose.mod compose.sum
mkdir -p ~/.docker/cli-plugins
cd "$sources"
go build -mod=mod -modfile="$work/compose.mod" -o ~/.docker/cli-plugins/docker-compose ./cmd
