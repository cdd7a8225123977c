#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause

# Some cells of the table of outages: the whole of it takes half an hour.

exec "$(dirname "$0")/outage-table" --who all,dns,host --how reset,stop \
  --seconds 1 --load paced --jobs 4 quarantine=1 leg-timeout=3
