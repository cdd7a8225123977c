#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# Certificates are renewed, even by another authority, while a log server and a
# mirror use them.  The server reads its own at SIGHUP: new connections get the
# new ones, who is connected stays, and bad files change nothing.  The mirror
# reads its own for a connection: it finds a server again that was restarted
# with new ones, and no client sees an error.  Certificates that end within a
# week are said, also those for a leg.

. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/certificates.sh"
requires_mirror
requires_tool jq
server=10.81.0.1
netns both $server
in_netns=(ip netns exec "${netns[both]}")

for ca in 1 2; do
  sign ca$ca self "cn = ca$ca" ca cert_signing_key
  sign server$ca ca$ca 'cn = logs' "ip_address = $server" \
    'dns_name = localhost' tls_www_server
  sign client$ca ca$ca 'cn = alice' tls_www_client
  for who in server client; do
    mkdir -p "$tmp/$who" "$tmp/new-$who$ca"
    cp "$tmp/ca$ca-cert.pem" "$tmp/new-$who$ca/ca-cert.pem"
    for i in cert key; do
      cp "$tmp/$who$ca-$i.pem" "$tmp/new-$who$ca/$who-$i.pem"
    done
  done
done

# renew WHO CA: put those of this authority where WHO looks for them.
renew ()
{
  local file
  for file in "$tmp/new-$1$2"/*; do
    cp "$file" "$tmp/file"
    mv "$tmp/file" "$tmp/$1/${file##*/}"
  done
}

start_server ()
{
  start_logd --listen $server --tls-certificates "$tmp/server" \
    --tls-verify-peer
}

# lists CA: for a client with these certificates.
lists ()
{
  "${in_netns[@]}" "$tool" log list --timeout 5 \
    --tls-certificates "$tmp/new-client$1" $server >"$tmp/out" 2>&1
}

logd_said ()
{
  wait_for "$deadline" grep -qE -- "$1" "$tmp/logd.log"
}

works ()
{
  seed=$((seed + 1))
  write_pattern $seed ${seed}M 64K
  expect 'errors of the log' "$(json .log.flush_errors)" 0
}
seed=0

renew server 1
renew client 1
start_server
leg_file 16 "$tmp/leg0" "$tmp/leg1"
cp -r "$tmp/new-server1" "$tmp/leg-server"
cp -r "$tmp/new-client1" "$tmp/leg-client"
start_leg 1 --tls=require --tls-certificates="$tmp/leg-server" file "$tmp/leg1"
leg1="nbds+unix:///?socket=${leg_sock[1]}&tls-certificates=$tmp/leg-client"
start_mirror "$tmp/leg0" "$leg1" size=16M log=userspace:$server/vm1 \
  log-tls-certificates="$tmp/client" region-size=64K
wait_mirror
works
ends='this certificate ends on 20[0-9-]* [0-9:]* UTC: renew it'
logd_said "$tmp/server/server-cert.pem: $ends, then send SIGHUP"
logd_said 'the certificate of "alice" ends on 20'
wait_said 'the certificate of "logs" ends on 20'
for dir in client leg-client; do
  grep -qE "$tmp/$dir/client-cert.pem: $ends" "$tmp/mirror.log" ||
    fail "the mirror says nothing of its own certificate for $dir"
done

# --- SIGHUP
echo bad >"$tmp/server/server-cert.pem"
kill -HUP "$logd_pid"
logd_said "$tmp/server/server-cert.pem"
logd_said 'of before stay in use'
lists 1 || fail "the old certificates are not used: $(cat "$tmp/out")"
renew server 2
lists 1 || fail "it did not wait for SIGHUP: $(cat "$tmp/out")"
kill -HUP "$logd_pid"
logd_said "$tmp/server is read again"
lists 2 || fail "the new certificates are not used: $(cat "$tmp/out")"
if lists 1; then
  fail 'the old certificates are still used'
fi
works
grep -q 'lost the connection' "$tmp/mirror.log" && fail 'the mirror was cut off'

# --- the mirror's own
renew client 2
kill_logd
start_server
works
said "connected again"
stop_mirror
stop_logd
legs_equal "$tmp/leg0" "$tmp/leg1"
