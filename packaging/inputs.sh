# What every script here starts from; sourced, with `set -euo pipefail` before it.
#
#   ROOT               the checkout
#   VERSION            of the package; that of the source unless given
#   SOURCE_DATE_EPOCH  time of everything in the package; that of the last commit unless given
#   MACHINE            x86_64 or aarch64
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
umask 022
export LC_ALL=C TZ=UTC

fail() {
    echo "$(basename "$0"): $*" >&2
    exit 1
}

# need COMMAND PACKAGE: name what is missing and how to get it
need() {
    command -v "$1" >/dev/null || fail "$1 is needed: $2"
}

: "${VERSION:=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' "$ROOT/collector/flowcoll/__init__.py")}"
if [ -z "${SOURCE_DATE_EPOCH:-}" ]; then
    SOURCE_DATE_EPOCH=$(git -C "$ROOT" log -1 --format=%ct 2>/dev/null) ||
        fail "this is no git checkout: set SOURCE_DATE_EPOCH to the time of the release, in seconds since 1970"
fi
MACHINE=$(uname -m)
case $MACHINE in
x86_64 | aarch64) ;;
*) fail "packages are made on x86_64 and aarch64, this is $MACHINE" ;;
esac
export ROOT VERSION SOURCE_DATE_EPOCH MACHINE
