#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# What `make install' installs is all below the prefix, and no more than it
# should be; its nbdmirror-serve serves what a file of parameters describes, by
# systemd's socket or one of its own, never a port; the units run it; completion
# knows the verbs.

. "$(dirname "$0")/../lib/functions.sh"
requires_tool python3 qemu-io setpriv

prefix=$(sed -n 's/^prefix = //p' "$top_builddir/Makefile")
make -s -C "$top_builddir" install DESTDIR="$tmp/dest" >"$tmp/install.log" 2>&1
root=$tmp/dest$prefix

# --- All of it is below the prefix.

expect 'files outside the prefix' \
  "$(find "$tmp/dest" ! -type d ! -path "$root/*")" ''
expect 'libtool archives' "$(find "$root" -name '*.la')" ''
expect 'programs' "$(cd "$root/sbin" && echo *)" \
  'nbdmirror nbdmirror-logd nbdmirror-serve'
[ ! -e "$root/bin" ] || fail "$(ls "$root/bin"): in bin"
make -s -C "$top_builddir" uninstall DESTDIR="$tmp/dest" >"$tmp/install.log" 2>&1
expect 'files after uninstall' "$(find "$tmp/dest" ! -type d)" ''

# --- A file of parameters.

serve=$top_builddir/service/nbdmirror-serve
export NBDMIRROR_PLUGIN=$plugin
mkdir "$tmp/etc" "$tmp/run"
truncate -s 8M "$tmp/etc/a b.img" "$tmp/etc/c.img"
cat > "$tmp/etc/vm1.conf" <<END
# One parameter a line, with
  --threads=4
a b.img
	leg=c.img   

  # spaces that count not, and some that do
log=disk:the log
END
RUNTIME_DIRECTORY=$tmp/run/vm1
export RUNTIME_DIRECTORY
"$serve" "$tmp/etc/vm1.conf" plan=1 >"$tmp/plan.log"
[ ! -e "$tmp/etc/the log" ] || fail 'plan=1 is not passed on'

# served PATH: by the socket there, a write reaches both legs; ends the server.
served ()
{
  wait_for "$deadline" test -S "$tmp/run/vm1/control"
  qemu-io -f raw "nbd+unix:///?socket=$1" -c 'write -P 7 0 64k'
  tr '\0' '\n' <"/proc/$serve_pid/cmdline" | grep -x -e --threads=4
  # Of the network namespace that is its own: what listens.
  expect 'ports it listens on' \
    "$(awk '$4 == "0A"' "/proc/$serve_pid/net/tcp" "/proc/$serve_pid/net/tcp6")" ''
  kill "$serve_pid"
  reap "$serve_pid"
  legs_equal "$tmp/etc/a b.img" "$tmp/etc/c.img"
}
net=()
! unshare --net true 2>/dev/null || net=(unshare --net)

# --- By a socket of its own, which may be left of one that has ended.

for _ in first again; do
  background serve "${net[@]}" "$serve" "$tmp/etc/vm1.conf"
  serve_pid=$!
  served "$tmp/run/vm1.sock"
done

# --- By a socket that it is given, as systemd does.

cat > "$tmp/activate" <<END
import os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind("$tmp/given")
s.listen()
s.set_inheritable(True)
os.dup2(s.fileno(), 3)
os.environ["LISTEN_FDS"] = "1"
os.environ["LISTEN_PID"] = str(os.getpid())
os.execvp(sys.argv[1], sys.argv[1:])
END
background serve "${net[@]}" python3 "$tmp/activate" "$serve" "$tmp/etc/vm1.conf"
serve_pid=$!
served "$tmp/given"

# --- What it refuses.

status=0
"$serve" 2>/dev/null || status=$?
expect 'status without a name' "$status" 64
status=0
"$serve" "$tmp/etc/none.conf" 2>"$tmp/none.log" || status=$?
expect 'status without a file' "$status" 66
grep "$tmp/etc/none.conf" "$tmp/none.log" || fail 'it does not say which file'

# --- The units.

for unit in "$top_builddir/service/mirror@.service" \
            "$top_builddir/logd/nbdmirror-logd.service"; do
  program=$(sed -n 's/^ExecStart=\([^ ]*\).*/\1/p' "$unit")
  expect "program of ${unit##*/}" "${program%/*}" "$prefix/sbin"
done
grep -x 'Requires=mirror@%i.socket' "$top_builddir/service/mirror@.service" ||
  fail 'started alone, the service would listen elsewhere'
if command -v systemd-analyze >/dev/null; then
  mkdir "$tmp/units"
  for unit in "$top_builddir"/service/mirror@.service \
              "$top_srcdir"/service/mirror@.socket \
              "$top_builddir"/logd/nbdmirror-logd.service \
              "$top_srcdir"/logd/nbdmirror-logd.socket \
              "$top_srcdir"/examples/*.service \
              "$top_srcdir"/examples/*.timer; do
    name=${unit##*/}
    # The programs are not where they will be.
    sed "s,^\(Exec[a-zA-Z]*=\)[^ ]*,\1/bin/true," "$unit" \
      > "$tmp/units/${name/@./@vm1.}"
  done
  SYSTEMD_UNIT_PATH=$tmp/units: systemd-analyze verify --man=no "$tmp"/units/* \
    >"$tmp/verify.log" 2>&1 || fail 'systemd-analyze verify'
  ! grep "$tmp/units" "$tmp/verify.log" || fail 'systemd-analyze verify'
fi

# --- Completion.

# complete WORD...: what may stand in place of the last word.
complete_words ()
{
  bash -c '
    . "$0/service/nbdmirror.bash"
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
    _nbdmirror
    echo "${COMPREPLY[@]}"' "$top_srcdir" "$tool" "$@"
}
expect 'nbdmirror sta' "$(complete_words sta)" status
expect 'nbdmirror log ta' "$(complete_words log ta)" takeover
expect 'nbdmirror status --w' "$(complete_words status --w)" --watch
expect 'nbdmirror log list --tls-p' "$(complete_words log list --tls-p)" \
  --tls-psk
expect 'nbdmirror log list --fen' "$(complete_words log list --fen)" ''
