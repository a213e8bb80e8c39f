#!/bin/sh
# A PostgreSQL with TimescaleDB for tests, where this machine can have one: Debian 13's package, or, as root on another
# Debian, a Debian 13 of its own in a cache folder (about 700 MB, a minute). `tests/support/timescaledb.py` runs it.
#
# The folder is made beside its place and takes it when it is whole. What is mounted on the way is mounted in a mount
# namespace of its own, which ends with the program: nothing can stay mounted, so nothing is ever removed through a mount.
set -eu
[ -z "${WAYPROOF_TIMESCALEDB:-}" ] || exit 0
for library in /usr/lib/postgresql/*/lib/timescaledb.so; do [ ! -e "$library" ] || exit 0; done

root="${XDG_CACHE_HOME:-$HOME/.cache}/wayproof/timescaledb/debian-13"
[ ! -e "$root" ] || exit 0

left_out() { echo "$1: what needs TimescaleDB will be skipped"; exit 0; }
[ "$(id -u)" = 0 ] || left_out "No TimescaleDB here (root can make one: make timescaledb; or set WAYPROOF_TIMESCALEDB)"
command -v apt-get >/dev/null || left_out "No TimescaleDB here, and no Debian to take it from"
log=$(mktemp)
trap 'rm -f "$log"' EXIT

if grep -q '^VERSION_ID="13"' /etc/os-release; then
  echo "Installing TimescaleDB for tests …"
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 SYSTEMD_OFFLINE=1 \
    apt-get install -y -qq --no-install-recommends postgresql-17-timescaledb; } >"$log" 2>&1 || { tail -n 3 "$log"; left_out "TimescaleDB could not be installed"; }
  exit 0
fi

echo "Making a Debian 13 with TimescaleDB in $root …"
command -v debootstrap >/dev/null || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends debootstrap; } >"$log" 2>&1 \
  || { tail -n 3 "$log"; left_out "debootstrap could not be installed"; }
mirror=$(sed -n 's/^URIs: *\([^ ]*\/debian\)\/* *$/\1/p; s/^deb [^#]*\(http[^ ]*\/debian\)\/* .*/\1/p' /etc/apt/sources.list.d/*.sources /etc/apt/sources.list 2>/dev/null | head -n 1)
mkdir -p "$(dirname "$root")"
half=$(mktemp -d "$root.XXXXXX")
chmod 755 "$half"
if unshare --mount debootstrap --variant=minbase --include=postgresql-17-timescaledb trixie "$half" ${mirror:+"$mirror"} >"$log" 2>&1; then
  rm -rf "$half/var/cache/apt/archives" "$half/var/lib/apt/lists"
  mv -T "$half" "$root" 2>/dev/null || rm -rf --one-file-system "$half"  # another one was faster
else
  tail -n 3 "$log"
  rm -rf --one-file-system "$half"
  left_out "Debian 13 could not be made"
fi
