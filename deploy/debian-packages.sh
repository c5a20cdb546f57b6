#!/bin/sh
# Install the named Debian packages that are missing, with sudo where not root. Starts no service.
set -eu
missing=
for package in "$@"; do
    dpkg-query -W -f='${Status}\n' "$package" 2>/dev/null | grep -q '^install ok installed$' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
as_root=
if [ "$(id -u)" != 0 ]; then
    as_root=$(command -v sudo) || { echo "Missing Debian packages:$missing. Install them as root: apt-get install$missing" >&2; exit 1; }
fi
echo "Installing Debian packages:$missing" >&2
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -qq
# shellcheck disable=SC2086 # a list of package names
$as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
