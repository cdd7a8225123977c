# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# shellcheck source=functions.sh disable=SC2154

# Devices that die as real ones do, after functions.sh: legs, and what a disk
# log is on.  What is in a device NAME is in the file $tmp/NAME.
#
#   file     a file that the mirror opens itself; absent when renamed away
#   nbd      a server on the file: all that it answered is in the file
#   cache    a server that writes when it is flushed; a kill loses the rest
#   liar     the same, but a flush does nothing
#   subset   a server that, killed, leaves a random half of the sectors that
#            were written since the last flush
#   recorded a file as above, but the file with its record, beside it, is on a
#            device of the kind subset, $tmp/NAME.record

declare -A device_kind=() fuse_pid=()
device_size=$((16 << 20))
device_unit=512 # what a subset device writes whole or not at all
device_seed=1

# new_device NAME KIND
new_device ()
{
  device_kind[$1]=$2
  truncate -s "$device_size" "$tmp/$1"
  leg_pid[$1]=
  if [ "$2" = recorded ]; then
    device_size=65536 new_device "$1.record" subset
    cleanup_fn unmount_device "$1.record" "$tmp/$1.mirrorleg"
  fi
}

# How the mirror is told to find it.
device_name ()
{
  case ${device_kind[$1]} in
    file|recorded) echo "$tmp/$1" ;;
    *) echo "nbd+unix:///?socket=$tmp/leg-$1.sock" ;;
  esac
}

is_server ()
{
  case ${device_kind[$1]} in
    file|recorded) return 1 ;;
  esac
}

# Loses what was not flushed.
is_volatile ()
{
  case ${device_kind[$1]} in
    cache|liar|subset) return 0 ;;
  esac
  return 1
}

# The node on top makes a write and a flush of a FUA write; the recorder would do
# that, too, but not record the flush if nothing else was written before it.
start_recorded ()
{
  cp --sparse=always "$tmp/$1" "$tmp/$1.base"
  : >"$tmp/$1.writes"
  rm -f "$tmp/leg-$1.pid" "$tmp/leg-$1.sock"
  background "leg-$1" qemu-storage-daemon --pidfile "$tmp/leg-$1.pid" \
    --blockdev driver=file,node-name=f,filename="$tmp/$1",discard=unmap \
    --blockdev driver=file,node-name=l,filename="$tmp/$1.writes" \
    --blockdev driver=raw,node-name=record,file=l \
    --blockdev driver=raw,node-name=disk,file=f,discard=unmap \
    --blockdev driver=blklogwrites,node-name=both,file=disk,log=record,log-sector-size=512,log-super-update-interval=1,discard=unmap \
    --blockdev driver=raw,node-name=top,file=both,discard=unmap \
    --nbd-server addr.type=unix,addr.path="$tmp/leg-$1.sock",max-connections=16 \
    --export type=nbd,id=e,node-name=top,name=,writable=on
  leg_pid[$1]=$!
  wait_server "leg-$1" "${leg_pid[$1]}" ||
    fail "device $1: the server did not start"
}

# Here it is, or here it still is.  nbdkit 1.32 may abort when a client is
# gone while it answers.
serve_device ()
{
  if running "${leg_pid[$1]:-0}"; then
    return
  fi
  cut_device "$1"
  case ${device_kind[$1]} in
    file|recorded)
      [ ! -e "$tmp/$1.away" ] || mv "$tmp/$1.away" "$tmp/$1"
      [ "${device_kind[$1]}" = file ] || serve_record "$1.record" "$1"
      ;;
    nbd) start_leg "$1" file "$tmp/$1" ;;
    cache) start_leg "$1" --filter=cache file "$tmp/$1" \
             cache-min-block-size=4k ;;
    liar) start_leg "$1" --filter=cache file "$tmp/$1" \
            cache-min-block-size=4k cache=unsafe ;;
    subset) start_recorded "$1" ;;
  esac
}

serve_record ()
{
  if running "${leg_pid[$1]:-0}"; then
    return
  fi
  cut_device "$1"
  unmount_device "$1" "$tmp/$2.mirrorleg"
  serve_device "$1"
  mount_device "$1" "$tmp/$2.mirrorleg"
}

# end_now PID: the load may have killed it, and the shell may know.
end_now ()
{
  signal KILL "$1"
  reap "$1" || true
}

# Kill its server, if that is not done yet; what was lost is gone then.
cut_device ()
{
  [ "${device_kind[$1]}" != recorded ] || cut_device "$1.record"
  [ -n "${leg_pid[$1]}" ] || return 0
  end_now "${leg_pid[$1]}"
  leg_pid[$1]=
  if [ "${device_kind[$1]}" = subset ]; then
    device_seed=$((device_seed + 1))
    "$top_srcdir/tests/crash/rebuild-leg" "$device_seed" "$tmp/$1.base" \
      "$tmp/$1.writes" "$tmp/$1" "$device_unit" >>"$tmp/rebuild.log"
  fi
}

# Nobody finds it until it is served again.
take_away ()
{
  if is_server "$1"; then
    cut_device "$1"
  elif [ ! -e "$tmp/$1.away" ]; then
    mv "$tmp/$1" "$tmp/$1.away"
  fi
}

# device_image NAME: the name of a file that holds what a reader of the device
# would see now.
device_image ()
{
  if [ -e "$tmp/$1.away" ]; then
    echo "$tmp/$1.away"
  elif is_volatile "$1" && running "${leg_pid[$1]:-0}"; then
    nbdcopy "$(device_name "$1")" "$tmp/$1.image"
    echo "$tmp/$1.image"
  else
    echo "$tmp/$1"
  fi
}

# mount_device NAME FILE: a file for what is to be on a device that is a
# server.  unmount_device NAME FILE when the server is dead, and nobody is left
# who would write to the file below.
mount_device ()
{
  : >>"$2"
  rm -f "$tmp/fuse-$1.pid"
  background "fuse-$1" nbdfuse -P "$tmp/fuse-$1.pid" "$2" \
    "$(device_name "$1")"
  fuse_pid[$1]=$!
  wait_server "fuse-$1" "${fuse_pid[$1]}" || fail "$2: cannot be mounted"
}

unmount_device ()
{
  [ -n "${fuse_pid[$1]:-}" ] || return 0
  end_now "${fuse_pid[$1]}"
  fuse_pid[$1]=
  umount -l "$2"
}
