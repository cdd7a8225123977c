#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# Who may open a log.  Wrong keys, unknown users, certificates of another
# authority or none, clients without TLS, and names that --access does not
# allow are refused in bounded time, with a message on both sides, and the
# server goes on serving a mirror that is allowed.  Without TLS it does not
# listen for other machines.

. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/certificates.sh"
requires_mirror
requires_tool jq
server=10.79.0.1
netns server $server
netns client 10.79.0.2
in_server=(ip netns exec "${netns[server]}")
in_client=(ip netns exec "${netns[client]}")

d=$tmp/data
mkdir "$d" "$tmp/logs"
truncate -s 16M "$d/a" "$d/b" "$tmp/leg0" "$tmp/leg1"

# key USER FILE: a new key in the file.
key ()
{
  echo "$1:$(head -c 32 /dev/urandom | od -An -vtx1 | tr -d ' \n')" >>"$2"
}

# --- without TLS only for this machine
not_listening ()
{
  local status=0
  timeout -s KILL "$deadline" "${in_server[@]}" "$logd" --foreground \
    --dir "$tmp/logs" "$@" >"$tmp/out" 2>&1 || status=$?
  expect "exit status of nbdmirror-logd $*" "$status" 1
  grep -q 'use --tls-psk or --tls-certificates, or say --insecure' \
    "$tmp/out" || fail "unclear: $(cat "$tmp/out")"
}

not_listening --listen $server
not_listening --listen '*'
not_listening --listen 127.0.0.1 --listen $server:4000
in_netns=("${in_server[@]}")
start_logd --listen 127.0.0.1 --listen '[::1]'
stop_logd
start_logd --listen $server --insecure
"${in_client[@]}" "$tool" log list $server >"$tmp/out"

# Not TLS there, and both say so.
key alice "$tmp/alice"
nolist ()
{
  local word=$1 status=0
  shift
  timeout -s KILL "$deadline" "${in_client[@]}" "$tool" log list --timeout 5 \
    "$@" >"$tmp/out" 2>&1 || status=$?
  expect "exit status of log list $*" "$status" 3
  grep -qiF -- "$word" "$tmp/out" || fail "unclear: $(cat "$tmp/out")"
}
nolist 'does it use TLS?' --tls-psk "$tmp/alice" --tls-username alice $server
grep -q 'not a frame, connection closed' "$tmp/logd.log" ||
  fail 'the server does not say that TLS came'
stop_logd

# --- what a server that wants TLS says
# heard WORD...: it said that since the last call.
heard=0
heard_so_far ()
{
  heard=$(wc -l <"$tmp/logd.log")
}
server_said ()
{
  tail -n +$((heard + 1)) "$tmp/logd.log" | grep -qF -- "$1"
}
heard ()
{
  wait_for "$deadline" server_said "$1"
  heard_so_far
}

# The mirror that is allowed goes on, its log too, and nothing else came to be.
allowed_goes_on ()
{
  seed=$((seed + 1))
  write_pattern $seed $((seed * 512))K 4K
  qemu-io -r -f raw "$uri" -c "read -P $seed $((seed * 512))K 4K" \
    >>"$tmp/qemu-io.log"
  json_is .log.state ok || fail 'the allowed mirror lost its server'
  expect 'logs on the server' \
    "$(cd "$tmp/logs" && echo -- *.log)" "-- ${1:-vm1}.log"
}
seed=0

# mirrors_refused WORD ARG... [-- WORD ARG...]...: mirrors with these
# parameters, all at once, do not start, the message has the word.
mirrors_refused ()
{
  local begin=$SECONDS i n=0 words=() racers=() args status
  while [ $# -gt 0 ]; do
    words[n]=$1
    shift
    args=()
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
      args+=("$1")
      shift
    done
    shift $(($# > 0))
    setpriv --pdeathsig KILL -- "${in_client[@]}" nbdkit -f -U "$tmp/r$n.sock" \
      "$plugin" "$d/a" "$d/b" "${args[@]}" >"$tmp/refused$n" 2>&1 </dev/null &
    racers[n]=$!
    pids+=($!)
    n=$((n + 1))
  done
  for ((i = 0; i < n; i++)); do
    wait_for "$deadline" not running "${racers[i]}"
    status=0
    reap "${racers[i]}" || status=$?
    expect "exit status of mirror $i" "$status" 1
    grep -qF -- "${words[i]}" "$tmp/refused$i" ||
      fail "mirror $i: no \"${words[i]}\": $(cat "$tmp/refused$i")"
  done
  [ $((SECONDS - begin)) -le 15 ] || fail "it took $((SECONDS - begin)) s"
}

# --- pre-shared keys, and who may open what
key alice "$tmp/wrong"
cp "$tmp/alice" "$tmp/keys"
key bob "$tmp/keys"
cp "$tmp/keys" "$tmp/unknown"
key eve "$tmp/unknown"
cat >"$tmp/access" <<EOF
# who    what
alice    vm1
bob      bob-*   # and nothing else
EOF
start_logd --listen $server --tls-psk "$tmp/keys" --access "$tmp/access"
in_netns=("${in_client[@]}")
psk=(log-tls-psk="$tmp/keys")
start_mirror "$tmp/leg0" "$tmp/leg1" log=userspace:$server/vm1 "${psk[@]}" \
  log-tls-username=alice region-size=64K
wait_mirror
allowed_goes_on
heard_so_far
nolist 'wrong key' --tls-psk "$tmp/wrong" --tls-username alice $server
heard 'refused: TLS: '
nolist 'unknown user' --tls-psk "$tmp/unknown" --tls-username eve $server
heard 'refused: TLS: '
nolist 'want TLS' $server
heard 'does the peer use TLS?'
mirrors_refused \
  'wrong key' log=userspace:$server/vm2 log-tls-psk="$tmp/wrong" \
  log-tls-username=alice -- \
  'unknown user' log=userspace:$server/vm2 log-tls-psk="$tmp/unknown" \
  log-tls-username=eve -- \
  'want TLS?' log=userspace:$server/vm2 -- \
  'bob may not open log vm1' log=userspace:$server/vm1 "${psk[@]}" \
  log-tls-username=bob -- \
  'bob may not open log vm2' log=userspace:$server/vm2 "${psk[@]}" \
  log-tls-username=bob -- \
  'bob may not open log mem' log=userspace-core:$server/mem "${psk[@]}" \
  log-tls-username=bob -- \
  'bob may not open log vm1' log=userspace:$server/vm1 "${psk[@]}" \
  log-tls-username=bob plan=1
allowed_goes_on

# as USER STATUS VERB ARG...: the tool.
as ()
{
  local user=$1 wanted=$2 status=0
  shift 2
  "${in_client[@]}" "$tool" log "$1" --tls-psk "$tmp/keys" \
    --tls-username "$user" "${@:2}" >"$tmp/out" 2>"$tmp/err" || status=$?
  expect "exit status of log $* as $user: $(cat "$tmp/err")" \
    "$status" "$wanted"
}
as bob 0 list --json $server
expect 'logs that bob sees' "$(jq '.logs | length' "$tmp/out")" 0
as alice 0 list --json $server
expect 'logs that alice sees' "$(jq -r '.logs[].name' "$tmp/out")" vm1
for verb in show delete takeover; do
  as bob 1 $verb $server/vm1
  grep -q 'bob may not open log vm1' "$tmp/err" || fail "$(cat "$tmp/err")"
done
as bob 1 takeover --fenced $server/vm1
allowed_goes_on
as bob 1 show $server/bob-1 # may be, but is not
grep -q 'there is none' "$tmp/err" || fail "$(cat "$tmp/err")"

# The rules are read again.
sed -i '/^bob/ s/#.*/vm1/' "$tmp/access"
kill -HUP "$logd_pid"
bob_may ()
{
  as bob 0 show $server/vm1
}
wait_for "$deadline" bob_may
allowed_goes_on
stop_mirror
stop_logd

# --- certificates
for ca in ca ca2; do
  sign $ca self "cn = $ca" ca cert_signing_key
done
sign server ca 'cn = server' "ip_address = $server" tls_www_server
sign alice ca 'cn = alice' tls_www_client
sign bob ca 'cn = bob' tls_www_client
sign eve ca2 'cn = alice' tls_www_client

# certificates DIR CA [CLIENT]
certificates ()
{
  mkdir "$tmp/$1"
  cp "$tmp/$2-cert.pem" "$tmp/$1/ca-cert.pem"
  [ -z "${3:-}" ] || for i in cert key; do
    cp "$tmp/$3-$i.pem" "$tmp/$1/client-$i.pem"
  done
}
certificates pki.server ca
cp "$tmp"/server-*.pem "$tmp/pki.server"
certificates pki.alice ca alice
certificates pki.bob ca bob
certificates pki.none ca
certificates pki.eve ca eve
certificates pki.other ca2 alice # does not trust the server

in_netns=("${in_server[@]}")
start_logd --listen $server --tls-certificates "$tmp/pki.server" \
  --tls-verify-peer --access "$tmp/access"
in_netns=("${in_client[@]}")
mkdir "$tmp/old"
mv "$tmp"/logs/vm1.* "$tmp/old"
cat >"$tmp/access" <<EOF
alice  x509
EOF
kill -HUP "$logd_pid"
try_start_alice ()
{
  try_start_mirror "$tmp/leg0" "$tmp/leg1" log=userspace:$server/x509 \
    sync=none log-tls-certificates="$tmp/pki.alice"
}
wait_for "$deadline" try_start_alice # until the rules are read
wait_mirror
allowed_goes_on x509
heard_so_far
nolist TLS --tls-certificates "$tmp/pki.none" $server
heard 'refused: TLS: '
nolist TLS --tls-certificates "$tmp/pki.eve" $server
heard 'refused: TLS: '
nolist 'issuer is unknown' --tls-certificates "$tmp/pki.other" $server
heard 'refused: TLS: '
nolist TLS --tls-psk "$tmp/alice" --tls-username alice $server
heard 'refused: TLS: '
nolist 'want TLS' $server
mirrors_refused \
  TLS log=userspace:$server/vm2 log-tls-certificates="$tmp/pki.none" -- \
  TLS log=userspace:$server/vm2 log-tls-certificates="$tmp/pki.eve" -- \
  'issuer is unknown' log=userspace:$server/vm2 \
  log-tls-certificates="$tmp/pki.other" -- \
  'bob may not open log x509' log=userspace:$server/x509 \
  log-tls-certificates="$tmp/pki.bob"
allowed_goes_on x509
stop_mirror
stop_logd
