# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # variables are shared with functions.sh

# A real etcd, and log servers over it; read after functions.sh.  All of it is on
# an address of the loopback interface that no other test has, and in $tmp.
#
# start_etcd N         N members; their addresses are in the array etcd_member
#                      and, with commas, in $etcd_members; pids in etcd_pid
# start_server NAME    a log server on ${server_at[NAME]}, with the options of
#                      the array server_options; its pid is ${server_pid[NAME]}
# kill_server NAME     (KILL)
# etcd_get ...         etcdctl's

etcd_host=127.$((64 + ($$ >> 16 & 63))).$(($$ >> 8 & 255)).$(($$ & 255))
etcd_member=()
etcd_pid=()
etcd_options=()
etcd_lease=2 # the shortest that etcd gives
server_options=(--lease 4)
declare -A server_at server_pid

requires_etcd ()
{
  requires_tool etcd etcdctl jq
  if "$logd" --foreground --store etcd:127.0.0.1:1 --advertise a:1 \
       --socket "$tmp/none/sock" 2>&1 | grep -q 'without libcurl'; then
    skip 'nbdmirror-logd has been built without libcurl'
  fi
}

etcd_is_healthy ()
{
  ETCDCTL_API=3 etcdctl --endpoints "$1" endpoint health
}

# run_member I: start it, or start it again.
run_member ()
{
  local at=$etcd_host:$((2379 + $1)) peer=$etcd_host:$((2479 + $1))
  GOMAXPROCS=1 background "etcd$1" \
    etcd --logger zap --log-level error --name "m$1" --data-dir "$tmp/etcd$1" --unsafe-no-fsync \
    --listen-client-urls "http://$at" --advertise-client-urls "http://$at" \
    --listen-peer-urls "http://$peer" \
    --initial-advertise-peer-urls "http://$peer" \
    --initial-cluster "$etcd_cluster" "${etcd_options[@]}"
  etcd_pid[$1]=$!
}

start_etcd ()
{
  local i
  etcd_cluster=m0=http://$etcd_host:2479
  etcd_member=("$etcd_host:2379")
  for ((i = 1; i < $1; i++)); do
    etcd_cluster+=",m$i=http://$etcd_host:$((2479 + i))"
    etcd_member+=("$etcd_host:$((2379 + i))")
  done
  etcd_members=$(IFS=, && echo "${etcd_member[*]}")
  for ((i = 0; i < $1; i++)); do
    run_member "$i"
  done
  wait_for "$deadline" etcd_is_healthy "${etcd_member[0]}"
}

kill_member ()
{
  kill -KILL "${etcd_pid[$1]}"
  reap "${etcd_pid[$1]}" || true
}

server_answers ()
{
  "$tool" log list --timeout 1 "${server_at[$1]}"
}

nr_servers=0
start_server ()
{
  if [ -z "${server_at[$1]:-}" ]; then
    server_at[$1]=$etcd_host:$((10810 + nr_servers))
    nr_servers=$((nr_servers + 1))
  fi
  background "server-$1" \
    "${server_program:-$logd}" --foreground \
    --store "etcd:${server_etcd:-$etcd_members}" --etcd-lease "$etcd_lease" \
    --listen "${server_at[$1]}" --status "$tmp/$1.status" \
    "${server_options[@]}"
  server_pid[$1]=$!
  wait_for "$deadline" server_answers "$1"
}

kill_server ()
{
  kill -KILL "${server_pid[$1]}"
  reap "${server_pid[$1]}" || true
}

etcd_get ()
{
  ETCDCTL_API=3 etcdctl --endpoints "$etcd_members" get "$@"
}

# served_by LOG NAME: for wait_for.
served_by ()
{
  etcd_get --print-value-only "nbdmirror/$1/server" |
    grep -qF " ${server_at[$2]}"
}

server_says ()
{
  grep -qF -- "$2" "$tmp/server-$1.log"
}
