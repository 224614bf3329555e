#!/usr/bin/env bash
# Debian's Chromium for tests/browser, where it is missing and can be installed; without it they are left out.
set -euo pipefail
if command -v chromium >/dev/null; then
    exit 0
fi
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    export DEBIAN_FRONTEND=noninteractive
    if apt-get update -qq >/dev/null 2>&1 && apt-get install -y -qq chromium >/dev/null 2>&1; then
        exit 0
    fi
fi
echo "no Chromium here and none could be installed: the tests in tests/browser are left out" >&2
