# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=sh

# Runs in the guest: the kernel's own NBD client, two connections.

# shellcheck source=/dev/null
. /env
ifconfig lo up
ifconfig eth0 10.0.2.15 netmask 255.255.255.0 up
# With its path: Debian 13's busybox has an nbd-client of its own, which its
# shell would take.
/bin/nbd-client 10.0.2.2 "${port?}" /dev/nbd0 -N "" -b 512 -C 2 -timeout 30
sh -eu /fs-load.sh /dev/nbd0
/bin/nbd-client -d /dev/nbd0
