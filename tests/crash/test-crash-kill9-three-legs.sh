#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause

# The same with three legs, one an NBD server, and a resync so slow that most
# crashes come before its end.

exec "$(dirname "$0")/crash-loop" --rounds 5 --seed 7 --legs 3 --nbd 1 \
  resync-rate=8M resync-min=1M quarantine=1
