# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# shellcheck source=../lib/functions.sh disable=SC2154

# A mirror's surroundings, each of them a host of its own, and their outages;
# after functions.sh.  The hosts are network namespaces on one bridge:
#
#   mirror   has the mirror
#   a, b     have a leg each
#   log      has the log server, if there is one
#   dns      has the name server, if there is one
#
# What is kept on a leg NAME is in the file $tmp/NAME.

declare -A address=([mirror]=10.82.0.1 [a]=10.82.0.2 [b]=10.82.0.3
                    [log]=10.82.0.4 [dns]=10.82.0.5)
declare -A pid_of=()
leg_filters=() # words before the plugin of the legs' servers
leg_options=() # and behind

# new_host NAME...
new_host ()
{
  local name
  for name; do
    netns "$name" "${address[$name]}"
  done
  # Whose address answers with resets; see reset_host.
  ip -n "${netns[hub]}" address replace 10.82.0.254/24 dev br0
}

# serve NAME: start what runs on that host.
serve ()
{
  in_netns=(ip netns exec "${netns[$1]}")
  rm -f "$tmp/$1.pid"
  case $1 in
    log)
      [ -e "$tmp/psk" ] || new_psk
      start_logd --listen "${address[log]}" --tls-psk "$tmp/psk"
      pid_of[log]=$logd_pid
      ;;
    dns)
      background dns "${in_netns[@]}" \
        "$top_srcdir/tests/outages/name-server" "$tmp/dns.pid" \
        "${address[dns]}" a.test="${address[a]}" b.test="${address[b]}"
      pid_of[dns]=$!
      ;;
    *)
      background "leg-$1" env TMPDIR="$tmp" "${in_netns[@]}" nbdkit \
        --exit-with-parent -P "$tmp/$1.pid" -i "${address[$1]}" -p 10809 \
        "${leg_filters[@]}" file "$tmp/$1" "${leg_options[@]}"
      pid_of[$1]=$!
      ;;
  esac
  in_netns=()
  [ "$1" = log ] || wait_server "$1" "${pid_of[$1]}" ||
    fail "$1: the server did not start"
}

new_psk ()
{
  echo "mirrors:$(head -c 32 /dev/urandom | od -An -vtx1 | tr -d ' \n')" \
    >"$tmp/psk"
}

# Words for the mirror that has its log there.
log_words ()
{
  printf '%s\n' "log=userspace:${address[log]}/disk" \
    "log-tls-psk=$tmp/psk" log-tls-username=mirrors
}

# The mirror asks the name server.
mirror_asks_dns ()
{
  echo "nameserver ${address[dns]}" >"$tmp/resolv.conf"
  # shellcheck disable=SC2016
  in_netns+=(sh -c 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
             "$tmp/resolv.conf")
}

on_hub ()
{
  ip -n "${netns[hub]}" "$@"
}

# The mirror asks again who has an address.
forget_neighbours ()
{
  ip -n "${netns[mirror]}" neighbour flush dev eth0
}

# reset_connections NAME: the peers get a reset.
reset_connections ()
{
  ip netns exec "${netns[$1]}" ss -K dport != 0 >>"$tmp/ss.log" 2>&1 || true
}

# reset_host NAME: all connections are reset, also new ones: the hub has the
# address now, and nothing listens there.
reset_host ()
{
  reset_connections "$1"
  on_hub link set dev "$1" down
  on_hub address add "${address[$1]}/32" dev br0
  forget_neighbours
}

unreset_host ()
{
  on_hub address del "${address[$1]}/32" dev br0
  on_hub link set dev "$1" up
  forget_neighbours
}

kill_server ()
{
  signal KILL "${pid_of[$1]}"
  reap "${pid_of[$1]}" || true
}

# revive NAME...: nbdkit before 1.34 may abort when the mirror gives it up.
revive ()
{
  local name
  for name; do
    running "${pid_of[$name]}" && continue
    reap "${pid_of[$name]}" || true
    echo "outage: the server on $name had aborted" >>"$tmp/outage.log"
    serve "$name"
  done
}

# begin_outage HOW NAME..., end_outage HOW NAME...
begin_outage ()
{
  local name
  for name in "${@:2}"; do
    case $1 in
      reset) reset_host "$name" ;;
      silent) on_hub link set dev "$name" down ;;
      stop) signal STOP "${pid_of[$name]}" ;;
      kill|cache) kill_server "$name" ;;
      term) signal TERM "${pid_of[$name]}" ;;
    esac
  done
}

end_outage ()
{
  local name
  for name in "${@:2}"; do
    case $1 in
      reset) unreset_host "$name" ;;
      silent) on_hub link set dev "$name" up ;;
      stop) signal CONT "${pid_of[$name]}" ;;
      kill|cache) serve "$name" ;;
      term)
        wait_for 90 not running "${pid_of[$name]}"
        reap "${pid_of[$name]}" || true
        serve "$name"
        ;;
    esac
  done
}
