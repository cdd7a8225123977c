#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# A log server and etcd know each other: by certificates, and by user and
# password.  Without, or with wrong ones, no log is served, and it says why.

in_memory=yes
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/certificates.sh"
. "$(dirname "$0")/../lib/etcd.sh"
requires_mirror
requires_etcd

# --- what the options must be
# refuses WORDS OPTION...
refuses ()
{
  local wanted=$1 status=0
  shift
  "$logd" --foreground --socket "$tmp/none" "$@" 2>"$tmp/refuses" || status=$?
  [ "$status" -ne 0 ] || fail "starts with $*"
  grep -qF -- "$wanted" "$tmp/refuses" ||
    fail "$*: lacks \"$wanted\": $(cat "$tmp/refuses")"
}
refuses 'needs --etcd-cacert, or --insecure' --store etcd:example.com
refuses 'not in both' --store etcd:127.0.0.1 --dir "$tmp"
refuses '--store is missing'
refuses 'need each other' --store etcd:127.0.0.1 --etcd-cert x
refuses 'need each other' --store etcd:127.0.0.1 --etcd-user x
refuses 'for --store etcd' --store "$tmp" --etcd-user x --etcd-password x
refuses 'the port must be' --store etcd:127.0.0.1:0
refuses 'the prefix has' --store etcd:127.0.0.1/a/
refuses 'too many members' --store etcd:a,b,c,d,e,f,g,h,i
refuses 'must be 2 to 3600' --store etcd:127.0.0.1 --etcd-lease 1
refuses 'No such file' --store etcd:127.0.0.1 --etcd-cacert "$tmp/none"
refuses '--advertise is missing' --store etcd:127.0.0.1 --listen '*' --insecure

# --- certificates
sign ca self 'cn = "test CA"' ca cert_signing_key
sign other self 'cn = "other CA"' ca cert_signing_key
sign etcd ca "ip_address = \"$etcd_host\"" 'cn = "etcd"' \
  tls_www_server tls_www_client signing_key
sign logd ca 'cn = "logd"' tls_www_client signing_key
# With users etcd takes no certificate that has a name of its own.
sign nameless ca 'organization = "test"' tls_www_client signing_key
sign stranger other 'cn = "logd"' tls_www_client signing_key
at=$etcd_host:2379
as_root=(etcdctl --endpoints "https://$at" --cacert "$tmp/ca-cert.pem"
         --cert "$tmp/logd-cert.pem" --key "$tmp/logd-key.pem")
healthy ()
{
  ETCDCTL_API=3 "${as_root[@]}" endpoint health
}
GOMAXPROCS=1 background etcd etcd --logger zap --log-level error --data-dir "$tmp/etcd" --unsafe-no-fsync \
  --listen-client-urls "https://$at" --advertise-client-urls "https://$at" \
  --listen-peer-urls "http://$etcd_host:2479" \
  --initial-advertise-peer-urls "http://$etcd_host:2479" \
  --initial-cluster "default=http://$etcd_host:2479" \
  --cert-file "$tmp/etcd-cert.pem" --key-file "$tmp/etcd-key.pem" \
  --client-cert-auth --trusted-ca-file "$tmp/ca-cert.pem"
wait_for "$deadline" healthy
etcd_members=$at

# serves NAME OPTION...: with these options there is a lease.
has_lease ()
{
  curl -s --unix-socket "$tmp/$1.status" http://localhost/status |
    jq -e '.server.etcd.lease == "valid"'
}
serves ()
{
  server_options=("${@:2}")
  start_server "$1"
  wait_for "$deadline" has_lease "$1"
}

# fails NAME WORDS OPTION...: there is none, for this reason.
fails ()
{
  background "server-$1" "$logd" --foreground --store "etcd:$at" \
    --socket "$tmp/$1.sock" "${@:3}"
  server_pid[$1]=$!
  wait_for "$deadline" grep -q 'no lease' "$tmp/server-$1.log"
  grep -q -- "$2" "$tmp/server-$1.log" ||
    fail "$1: lacks \"$2\": $(cat "$tmp/server-$1.log")"
  kill_server "$1"
}
by_tls=(--etcd-cacert "$tmp/ca-cert.pem")
by_cert=("${by_tls[@]}" --etcd-cert "$tmp/logd-cert.pem"
         --etcd-key "$tmp/logd-key.pem")
fails plain .
fails no-certificate . "${by_tls[@]}"
fails stranger . "${by_tls[@]}" --etcd-cert "$tmp/stranger-cert.pem" \
  --etcd-key "$tmp/stranger-key.pem"
fails false-etcd certificate --etcd-cacert "$tmp/other-cert.pem" \
  --etcd-cert "$tmp/logd-cert.pem" --etcd-key "$tmp/logd-key.pem"
serves certificate "${by_cert[@]}"
truncate -s 16M "$tmp/leg0" "$tmp/leg1"
start_mirror "$tmp/leg0" "$tmp/leg1" \
  log=userspace:"${server_at[certificate]}/vm1"
stop_mirror
kill_server certificate

# --- user and password, which may write what is below its prefix
for words in 'user add root:secret' 'user grant-role root root' \
    'user add logs:pass' 'role add logs' 'user grant-role logs logs' \
    'role grant-permission logs --prefix=true readwrite nbdmirror/' \
    'auth enable'; do
  # shellcheck disable=SC2086
  ETCDCTL_API=3 "${as_root[@]}" $words >>"$tmp/auth.log" 2>&1 ||
    fail "etcdctl $words"
done
echo pass >"$tmp/password"
echo wrong >"$tmp/wrong"
by_cert=("${by_tls[@]}" --etcd-cert "$tmp/nameless-cert.pem"
         --etcd-key "$tmp/nameless-key.pem")
# etcd computes for a while on a password.
fails wrong-password authentication "${by_cert[@]}" --etcd-user logs \
  --etcd-password "$tmp/wrong" --etcd-lease 60
serves user "${by_cert[@]}" --etcd-user logs --etcd-password "$tmp/password"
start_mirror "$tmp/leg0" "$tmp/leg1" log=userspace:"${server_at[user]}/vm2"
stop_mirror
