#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# A newcomer's two commands on the Debian that this one is not (12 or 13), in
# a chroot: quickstart installs, builds and serves; run-tests builds with
# warnings as errors, and a part of the tests passes.  A bug that is planted is
# found by its ASan.

. "$(dirname "$0")/../lib/functions.sh"
. "$top_srcdir/scripts/sources.sh"
here=$top_srcdir/tests/guest
cache=$top_builddir/tests/guest/cache
requires_tool flock setpriv ip

case $(. /etc/os-release && echo "${VERSION_CODENAME:-}") in
  trixie) codename=bookworm ;;
  *) codename=trixie ;;
esac

mkdir -p "$cache"
exec 9>"$cache/lock-debian"
flock -w 600 9 || fail "another test holds $cache/lock-debian"
status=0
root=$("$here/get-debian" "$cache" "$codename" 2>"$tmp/get-debian.log") ||
  status=$?
[ "$status" -ne 77 ] || skip "$(tail -n 1 "$tmp/get-debian.log")"
[ "$status" -eq 0 ] || fail "get-debian $codename: status $status"

# inside NET COMMAND: run by bash in the chroot's copy of the sources.  What it
# mounts and what it leaves running is gone afterwards; NET is "yes" for what
# needs the network, the others have none.
inside ()
{
  local net=()
  [ "$1" = yes ] || net=(--net)
  # shellcheck disable=SC2016 # the inner shell expands it
  root=$root setpriv --pdeathsig KILL -- \
    unshare --mount --pid --fork --kill-child "${net[@]}" -- bash -euc '
      mount --bind "$root" "$root"
      mount --rbind /dev "$root/dev"
      mount -t proc proc "$root/proc"
      mount -t tmpfs tmpfs "$root/run"
      mount -t tmpfs tmpfs "$root/tmp"
      [ ! -e /sys/class/net/lo ] || ip link set lo up
      exec chroot "$root" env -i HOME=/root LC_ALL=C TERM=dumb \
        CI="${CI:-}" NBDMIRROR_RUN="${NBDMIRROR_RUN:-}" \
        NBDMIRROR_DEADLINE=120 CK_TIMEOUT_MULTIPLIER=4 \
        PATH=/usr/sbin:/usr/bin:/sbin:/bin \
        bash -euc "cd /root/nbdmirror; $1"' - "$2"
}

# What an installer would have written.
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
printf '%s localhost\n' 127.0.0.1 ::1 > "$root/etc/hosts"
rm -rf "$root/root/nbdmirror"
mkdir -p "$root/root/nbdmirror"
(cd "$top_srcdir" && list_sources | xargs -0 cp -p --parents -t "$root/root/nbdmirror")

# shellcheck disable=SC2016 # the inner shells expand them
inside yes './quickstart --run "nbdcopy README.md \$uri && nbdinfo \$uri"'
inside yes '
  . scripts/packages.sh
  install_by_apt check e2fsprogs jq procps python3-libnbd qemu-utils'
# shellcheck disable=SC2016
inside no '
  . /etc/os-release
  echo "Inside: $PRETTY_NAME, $(nbdkit --version), $(gcc --version | head -n 1)"
  ./run-tests --no-install \
    build planted-asan check/tests/unit \
    test-client-nbd-tools test-leg-kinds test-start-new-mirror \
    test-log-found-again test-fault-connection-ends'
