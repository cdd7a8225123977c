#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# Parameters that are unknown, repeated, out of range or contradict each
# other are refused with what the user typed and what is legal, and nothing is
# written.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror

mkdir "$tmp/data"
a=$tmp/data/a
b=$tmp/data/b
truncate -s 8M "$a" "$b"

# shellcheck disable=SC2016
table='
foo=1                     | unknown parameter foo=1
legs=3                    | unknown parameter legs=3
region-size=64K region-size=64K | region-size=64K: region-size was given already
log=core log=core         | log=core: log was given already
size=1M size=1M           | size=1M: size was given already
plan=0 plan=0             | plan was given already
control=x control=y       | control=y: control was given already
region-size=0             | region-size=0: must be a power of 2 between 64K and 64M
region-size=3000          | region-size=3000: must be a power of 2 between 64K and 64M
region-size=96K           | region-size=96K: must be a power of 2 between 64K and 64M
region-size=32K           | region-size=32K: must be a power of 2 between 64K and 64M
region-size=128M          | region-size=128M: must be a power of 2 between 64K and 64M
region-size=many          | many
region-size=-64K          | -64K
size=0                    | size=0
size=9M                   | size= ; smaller ; data/a
size=99999999999999999999 | 99999999999999999999
sync=maybe                | sync=maybe: must be default, force or none
source=1                  | source=1: must be LEG@GENERATION
source=@4                 | source=@4: must be LEG@GENERATION
source=1@                 | source=1@: must be LEG@GENERATION
source=x@1                | source=x@1: must be LEG@GENERATION
source=-1@1               | source=-1@1: must be LEG@GENERATION
source=2@1                | source=2: there is no leg 2, legs are numbered from 0 to 1
write-mostly=2            | write-mostly=2: there is no leg 2
write-mostly=8            | write-mostly=8: must be between 0 and 7
connections=0             | connections=0: must be between 1 and
connections=1000          | connections=1000: must be between 1 and
read-policy=best          | read-policy=best: must be auto, first or round-robin
leg-timeout=0             | leg-timeout=0: must be between 1 and
flush-timeout=0           | flush-timeout=0: must be between 1 and
leg-fail-after=4000       | leg-fail-after=4000: must be between 0 and
local-timeout=3601        | local-timeout=3601: must be between 0 and 3600
region-size=              | region-size
size=1x                   | size=1x
log-timeout=never         | never
quarantine=-1             | -1
hold-timeout=3601         | hold-timeout=3601: must be between 0 and 3600
drain=-1                  | -1
drain=90000               | drain=90000: must be between 0 and 86400
control=                  | control=
plan=perhaps              | perhaps
resync-rate=0             | resync-rate=0
resync-min=fast           | fast
log=memory                | log=memory: must be core, disk:PATH or userspace:HOST/NAME
log=disk:                 | log=disk:
log=                      | log=: must be core, disk:PATH or userspace:HOST/NAME
leg=                      | leg=
'
while IFS='|' read -r args words; do
  [ -n "$args" ] || continue
  list=()
  while IFS= read -r word; do
    word=${word#"${word%%[! ]*}"}
    list+=("${word%"${word##*[! ]}"}")
  done < <(tr ';' '\n' <<<"$words")
  # shellcheck disable=SC2086
  refused "${list[@]}" -- "$a" "$b" $args
done <<<"$table"

# How many legs.
refused 'no leg given' --
refused 'missing' -- missing log=core
refused 'missing' -- missing missing log=disk:"$tmp/data/log"
for i in 1 2 3 4 5 6 7 8 9; do
  truncate -s 1M "$tmp/data/leg$i"
done
refused 'data/leg9: too many legs, at most 8' -- "$tmp"/data/leg[1-9]

# nbdkit itself reads a bare argument with = as key and value.
refused 'unknown parameter d=x.img' 'leg=d=x.img' -- "$a" "$b" d=x.img

# Too many regions for the largest log: 64 Mi of 64 KiB are 4 TiB.
truncate -s 5T "$tmp/data/huge0" "$tmp/data/huge1"
refused 'region-size=' '65536' 'at most 67108864' -- \
  "$tmp/data/huge0" "$tmp/data/huge1" region-size=64K

# Where no log can be put beside a leg, one must be named.
start_leg n memory 8M
refused 'log=disk:PATH' 'log=core' -- "${leg_uri[n]}" "$a"
