#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# Legs of any kind and number make one mirror: files, block devices and NBD
# servers, also servers without zero, trim, FUA, flush, block status or
# several connections, with large blocks, and qemu's; 1 to 8 of them.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires_tool qemu-io

# use_all WHAT FILE...: every kind of request to the mirror; then its end, and
# all files must hold the same as the oracle.
blocks=4096
use_all ()
{
  local what=$1 file
  local commands=(
    -c "write -P 1 0 1M" -c "write -f -P 2 1M $blocks"
    -c "write -z 512k 256k" -c "write -z -u 3M 1M" -c "write -P 3 5M 2M"
    -c flush -c "write -z -f 6400k $blocks"
    -c "aio_write -P 4 $((blocks * 3)) $blocks" -c "aio_flush"
    -c "read -P 0 512k 256k" -c "read -P 2 1M $blocks"
    -c "read -P 4 $((blocks * 3)) $blocks"
  )
  shift
  wait_mirror
  rm -f "$tmp/oracle"
  truncate -s 8M "$tmp/oracle"
  qemu-io -f raw -d unmap "$tmp/oracle" "${commands[@]}" >>"$tmp/qemu-io.log"
  qemu-io -f raw "$uri" -c 'write -P 9 0 8M' -c 'write -z -u 0 8M' \
    >>"$tmp/qemu-io.log"
  qemu-io -f raw -d unmap "$uri" "${commands[@]}" >>"$tmp/qemu-io.log" ||
    fail "$what: a request failed"
  expect "$what: state" "$(json .mirror.state)" in-sync
  expect "$what: errors" \
    "$(json '[.legs[] | .read_errors + .write_errors + .flush_errors] | add')" 0
  nbdcopy "$uri" - | cmp - "$tmp/oracle" || fail "$what: reads differ"
  for file; do
    cmp -n 8M "$file" "$tmp/oracle" || fail "$what: $file differs"
  done
  # A trim reads as zeroes or does nothing, but the same on all legs.
  qemu-io -f raw -d unmap "$uri" -c 'discard 5M 1M' >>"$tmp/qemu-io.log"
  nbdcopy "$uri" "$tmp/trimmed"
  stop_mirror
  for file; do
    cmp -n 8M "$file" "$tmp/trimmed" || fail "$what: $file differs after a trim"
  done
}

# fresh SIZE FILE...: 8M for legs that are files, 8M and the trailer for others.
fresh ()
{
  local file size=$1
  shift
  for file; do
    rm -f "$tmp/$file"
    truncate -s "$size" "$tmp/$file"
  done
  rm -f "$tmp/log" "$tmp"/*.mirrorl*
}

# One leg, three, eight.
fresh 8M f1 f2 f3 f4 f5 f6 f7 f8
start_mirror "$tmp/f1"
use_all 'one leg' "$tmp/f1"
fresh 8M f1 f2 f3 f4 f5 f6 f7 f8
start_mirror "$tmp/f1" "$tmp/f2" "$tmp/f3"
use_all 'three legs' "$tmp/f1" "$tmp/f2" "$tmp/f3"
fresh 8M f1 f2 f3 f4 f5 f6 f7 f8
start_mirror "$tmp"/f[1-8]
expect 'legs' "$(json '.legs | length')" 8
use_all 'eight legs' "$tmp"/f[1-8]

# A local leg and an NBD server that lacks something.
while read -r name server; do
  [ -n "$name" ] || continue
  fresh 8256K a b
  # shellcheck disable=SC2086
  start_leg "$name" ${server//B/$tmp\/b}
  parameters=()
  [ "$name" != limit ] || parameters=(connections=1)
  start_mirror "$tmp/a" "${leg_uri[$name]}" log=disk:"$tmp/log" \
    "${parameters[@]}"
  expect "$name: kind" "$(json '.legs[1].kind')" nbd
  use_all "$name" "$tmp/a" "$tmp/b"
  kill_leg "$name" TERM
done <<'END'
plain       file B
nozero      --filter=nozero file B
notrim      --filter=nozero --filter=noextents file B
nofua       --filter=fua file B
emulfua     --filter=fua file B fuamode=emulate
forcefua    --filter=fua file B fuamode=force
oneconn     --filter=multi-conn file B multi-conn-mode=disable
limit       --filter=limit file B limit=1
serial      --filter=noparallel file B serialize=connections
cache       --filter=cache file B
blocks      --filter=blocksize-policy file B blocksize-minimum=512 blocksize-preferred=4096 blocksize-maximum=1M blocksize-error-policy=error
nosr        --no-sr file B
END

# A server with blocks of 4096, whose clients must keep to them too.
fresh 8256K a b
start_leg b4096 --filter=blocksize-policy file "$tmp/b" \
  blocksize-minimum=4096 blocksize-preferred=65536 blocksize-maximum=4M \
  blocksize-error-policy=error
start_mirror "$tmp/a" "${leg_uri[b4096]}" log=disk:"$tmp/log"
expect 'minimum block' \
  "$(nbdinfo --json "$uri" | jq '.exports[0].block_size_minimum')" 4096
use_all 'blocks of 4096' "$tmp/a" "$tmp/b"

# qemu's server, which ignores trims.
if command -v qemu-nbd >/dev/null; then
  fresh 8256K a b
  background qemu-nbd qemu-nbd -f raw -k "$tmp/qemu.sock" -t -e 8 "$tmp/b"
  qemu_nbd=$!
  wait_for "$deadline" test -S "$tmp/qemu.sock"
  start_mirror "$tmp/a" "nbd+unix:///?socket=$tmp/qemu.sock" \
    log=disk:"$tmp/log"
  use_all 'qemu-nbd' "$tmp/a" "$tmp/b"
  signal KILL "$qemu_nbd"
  reap "$qemu_nbd" || true

  # It lets further clients wait.
  fresh 8256K a b
  background qemu-nbd qemu-nbd -f raw -k "$tmp/qemu.sock" -t -e 2 "$tmp/b"
  wait_for "$deadline" nbdinfo --size "nbd+unix:///?socket=$tmp/qemu.sock"
  start_mirror "$tmp/a" "nbd+unix:///?socket=$tmp/qemu.sock" \
    log=disk:"$tmp/log"
  said '2 of 4 connections'
  use_all 'qemu-nbd for two clients' "$tmp/a" "$tmp/b"
fi

# Without a local leg; over TCP; by an export's name.
fresh 8256K a b
start_leg a file "$tmp/a"
start_leg b --filter=exportname file "$tmp/b" exportname=disk \
  exportname-strict=true
start_mirror "${leg_uri[a]}" "nbd+unix:///disk?socket=${leg_sock[b]}" \
  log=disk:"$tmp/log" connections=1
use_all 'NBD only' "$tmp/a" "$tmp/b"
