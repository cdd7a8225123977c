# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# shellcheck source=../lib/functions.sh disable=SC2034,SC2154

# For crash-round: the log is in etcd, of three members, and two servers share
# it, each member behind a forwarder.  What dies as "log" is the server that has it, and with it, as it comes,
# a member, two of them, or all there is; or the server is only stopped, and
# wakes when the others are served again.
#
# With NBDMIRROR_LOGD=.../tests/e2e/logd-unguarded, servers whose changes compare
# nothing, --kind etcd --crash late finds it within a few rounds.

etcd_stopped=() # process ids
member_up=()
forward_pid=()

etcd_begin ()
{
  local i
  requires_etcd
  etcd_options=(--snapshot-count 1000)
  server_options=(--lease 2)
  start_etcd 3
  member_up=(1 1 1)
  server_etcd=
  for i in 0 1 2; do
    background "forward$i" "$top_srcdir/tests/e2e/tcp-forward" \
      "$etcd_host:$((3379 + i))" "${etcd_member[i]}"
    forward_pid[i]=$!
    server_etcd+=${server_etcd:+,}$etcd_host:$((3379 + i))
    wait_for "$deadline" etcd_is_healthy "$etcd_host:$((3379 + i))"
  done
  server_pid=([a]='' [b]='')
}

etcd_wake ()
{
  local pid
  for pid in "${etcd_stopped[@]}"; do
    signal CONT "$pid"
  done
  etcd_stopped=()
}

etcd_serve ()
{
  local i name
  etcd_wake
  for i in 0 1 2; do
    if [ -z "${member_up[i]}" ]; then
      run_member "$i"
      member_up[i]=1
    fi
  done
  for i in 0 1 2; do
    wait_for "$deadline" etcd_is_healthy "${etcd_member[i]}"
  done
  for name in a b; do
    [ -n "${server_pid[$name]}" ] || start_server "$name"
  done
}

# Which one has the log, into $serving; any, if none has it.
serving=a
etcd_find ()
{
  ! served_by the b || serving=b
  ! served_by the a || serving=a
}

etcd_cut_server ()
{
  local pid=${server_pid[$1]}
  [ -n "$pid" ] || return 0
  end_now "$pid"
  server_pid[$1]=
}

etcd_cut_member ()
{
  [ -n "${member_up[$1]}" ] || return 0
  end_now "${etcd_pid[$1]}"
  member_up[$1]=
}

# The server that has it is dead, or will be.
etcd_cut ()
{
  local i=$((RANDOM % 3)) how=$((RANDOM % 6))

  if [ "$how" -eq 0 ] && running "${server_pid[$serving]:-0}"; then
    tell "$serving is stopped"
    signal STOP "${server_pid[$serving]}"
    etcd_stopped+=("${server_pid[$serving]}")
    return
  fi
  etcd_cut_server "$serving"
  case $how in
    1) etcd_cut_member "$i" ;;
    2) etcd_cut_member "$i"; etcd_cut_member $(((i + 1) % 3)) ;;
    3)
      etcd_cut_server a
      etcd_cut_server b
      for i in 0 1 2; do
        etcd_cut_member "$i"
      done
      ;;
  esac
  tell "$serving dies, $how"
}

# As a file, for dump.
etcd_fetch ()
{
  etcd_serve
  etcd_get -w json --prefix nbdmirror/the/ |
    "$top_srcdir/tests/lib/etcd-log" nbdmirror/the "$log_file"
}

# What is sent to two members stays on its way until the mirror is dead: then it
# arrives.
crash_late ()
{
  local n i
  in_sync
  wait_for "$deadline" json_is .mirror.dirty_regions 0
  choose_writes
  tell 'late'
  # One after the other is asked, so each has something for later.
  for i in 0 1; do
    signal STOP "${forward_pid[i]}"
    etcd_stopped+=("${forward_pid[i]}")
  done
  # A leg dies with it, so that they differ.
  load_options=(--errors-ok)
  load_and_cut 1@$((n + 300)) mirror@$((n + 300))
  load_options=()
  etcd_wake
  wait_for "$deadline" none_on_its_way
}

# The forwarders have delivered all, and told etcd who is gone.
none_on_its_way ()
{
  ! ss -Htn state close-wait src "$etcd_host" |
    awk '$3 ~ /:33(79|80)$/' | grep -q .
}
