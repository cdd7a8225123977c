# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # variables of functions.sh and bench

# The servers that are compared under load, each with a disk of its own; bash,
# sourced.  They are started when a work first needs them and stay until the
# end: those that wait cost nothing.

# Of each side: where it serves, the process that is it, and those of its legs.
declare -A side_uri side_server side_legs

# full_file NAME...: of the size of the disk, with nothing left to allocate.
full_file ()
{
  local name
  for name; do
    head -c "${mib}M" /dev/zero >"$tmp/$name"
  done
}

# leg_server NAME [FILTER PARAMETER...]: one on a file of that name.
leg_server ()
{
  full_file "$1"
  start_leg "$1" ${2:+--filter="$2"} file "$tmp/$1" "${@:3}"
}

# side_is_leg NAME PID...: what start_leg started is the side; its legs are PID.
side_is_leg ()
{
  side_uri[$1]=${leg_uri[$1]}
  side_server[$1]=${leg_pid[$1]}
  side_legs[$1]=${*:2}
}

# side_is_mirror NAME PID...: what start_mirror started.
side_is_mirror ()
{
  wait_mirror
  side_uri[$1]=$uri
  side_server[$1]=$mirror_pid
  side_legs[$1]=${*:2}
}

# files_mirror NAME PARAMETER...: of two files.
files_mirror ()
{
  full_file "$1-0" "$1-1"
  mirror=$1
  start_mirror "$tmp/$1-0" "$tmp/$1-1" "${@:2}"
  side_is_mirror "$1"
}

# nbd_mirror NAME [FILTER PARAMETER...]: of two NBD servers.
nbd_mirror ()
{
  leg_server "$1-0" "${@:2}"
  leg_server "$1-1" "${@:2}"
  mirror=$1
  start_mirror "${leg_uri[$1-0]}" "${leg_uri[$1-1]}" log=disk:"$tmp/$1-log"
  side_is_mirror "$1" "${leg_pid[$1-0]}" "${leg_pid[$1-1]}"
}

# nbd_proxy NAME [FILTER PARAMETER...]: nbdkit nbd before one server.
nbd_proxy ()
{
  leg_server "$1-0" "${@:2}"
  start_leg "$1" nbd socket="${leg_sock[$1-0]}"
  side_is_leg "$1" "${leg_pid[$1-0]}"
}

# storage_daemon NAME BLOCKDEV...: qemu-storage-daemon serves the node "top".
storage_daemon ()
{
  local name=$1 node args=()
  shift
  for node; do
    args+=(--blockdev "$node")
  done
  background "$name" qemu-storage-daemon "${args[@]}" \
    --nbd-server addr.type=unix,addr.path="$tmp/$name.sock",max-connections=80 \
    --export type=nbd,id=export,node-name=top,name=,writable=on \
    --pidfile "$tmp/$name.pid"
  side_server[$name]=$!
  side_uri[$name]="nbd+unix:///?socket=$tmp/$name.sock"
  wait_server "$name" "${side_server[$name]}" ||
    fail "$name: qemu-storage-daemon did not start"
}

# One leg is enough for a write, and reads go to the first, as a mirror's
# would that may lose a leg.
quorum_node=driver=quorum,node-name=top,vote-threshold=1,read-pattern=fifo
quorum_node+=,children.0=a,children.1=b

start_one ()
{
  leg_server one
  side_is_leg one
}

start_core ()
{
  files_mirror core log=core
}

start_disk ()
{
  files_mirror disk log=disk:"$tmp/disk-log"
}

# need_logd: start the log server, unless it runs.
need_logd ()
{
  [ -n "${logd_pid:-}" ] || start_logd
}

start_userspace ()
{
  need_logd
  files_mirror userspace log=userspace:"$logd_sock"/bench
  side_legs[userspace]=$logd_pid
}

start_quorum ()
{
  full_file quorum-0 quorum-1
  storage_daemon quorum \
    driver=file,node-name=a,filename="$tmp/quorum-0" \
    driver=file,node-name=b,filename="$tmp/quorum-1" \
    "$quorum_node"
  side_legs[quorum]=
}

start_proxy ()
{
  nbd_proxy proxy
}

start_nbd ()
{
  nbd_mirror nbd
}

start_quorum_nbd ()
{
  local by=server.type=unix,server.path
  leg_server quorum-nbd-0
  leg_server quorum-nbd-1
  storage_daemon quorum-nbd \
    driver=nbd,node-name=a,$by="${leg_sock[quorum-nbd-0]}" \
    driver=nbd,node-name=b,$by="${leg_sock[quorum-nbd-1]}" \
    "$quorum_node"
  side_legs[quorum-nbd]="${leg_pid[quorum-nbd-0]} ${leg_pid[quorum-nbd-1]}"
}

start_slow_proxy ()
{
  nbd_proxy slow-proxy delay delay-write=2ms
}

start_slow_nbd ()
{
  nbd_mirror slow-nbd delay delay-write=2ms
}

# need_side NAME: start it, unless it runs.
need_side ()
{
  local start=start_${1//-/_}
  [ -z "${side_uri[$1]:-}" ] || return 0
  "$start"
}

has_quorum ()
{
  command -v qemu-storage-daemon >/dev/null || return 1
  [ -n "${quorum_works:-}" ] || quorum_works=$(quorum_probe && echo yes || echo no)
  [ "$quorum_works" = yes ]
}

# Distributions may leave the driver out.
quorum_probe ()
{
  qemu-img info --image-opts \
    driver=quorum,vote-threshold=1,children.0.driver=null-co,children.1.driver=null-co \
    >/dev/null 2>&1
}

# side_available NAME: what it needs is there.
side_available ()
{
  case $1 in
    quorum*) has_quorum ;;
    source-*) nbdkit split --version >/dev/null 2>&1 ;;
    *) return 0 ;;
  esac
}

# End all of them; the legs of our mirrors must be equal.
stop_sides ()
{
  local name
  for name in core disk userspace nbd slow-nbd; do
    if [ -n "${side_uri[$name]:-}" ]; then
      mirror=$name
      stop_mirror
      legs_equal "$tmp/$name-0" "$tmp/$name-1"
    fi
  done
  [ -z "${logd_pid:-}" ] || stop_logd
  for name in "${!leg_pid[@]}"; do
    kill_leg "$name"
  done
  for name in quorum quorum-nbd; do
    [ -z "${side_uri[$name]:-}" ] || stop_daemon "$name"
  done
}

stop_daemon ()
{
  signal KILL "${side_server[$1]}"
  reap "${side_server[$1]}" || true
  rm -f "$tmp/$1.sock" "$tmp/$1.pid"
}
