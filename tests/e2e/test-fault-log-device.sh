#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause

# The device of the log fails writes, or one sync, or hangs, while the mirror
# runs: marks wait for it, at most log-timeout, then clients get EIO; reads go
# on; when it works again, all does.

. "$(dirname "$0")/../lib/functions.sh"
requires_mirror
requires_tool jq cc

# pwrite and fdatasync of $LOG_FILE: EIO while $LOG_FILE.pwrite exists, once
# for $LOG_FILE.sync, and they hang while $LOG_FILE.hang is there.
cat >"$tmp/faulty.c" <<'END'
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *
trigger (const char *what)
{
  static __thread char name[512];

  snprintf (name, sizeof name, "%s.%s", getenv ("LOG_FILE"), what);
  return name;
}

static int
is_log (int fd)
{
  struct stat a, b;

  return fstat (fd, &a) == 0 && stat (getenv ("LOG_FILE"), &b) == 0 &&
         a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

static void
maybe_hang (void)
{
  while (access (trigger ("hang"), F_OK) == 0)
    usleep (20000);
}

ssize_t
pwrite (int fd, const void *buf, size_t count, off_t offset)
{
  if (is_log (fd)) {
    maybe_hang ();
    if (access (trigger ("pwrite"), F_OK) == 0) {
      errno = EIO;
      return -1;
    }
  }
  return syscall (SYS_pwrite64, fd, buf, count, offset);
}

int
fdatasync (int fd)
{
  if (is_log (fd)) {
    maybe_hang ();
    if (unlink (trigger ("sync")) == 0) {
      errno = EIO;
      return -1;
    }
  }
  return (int) syscall (SYS_fdatasync, fd);
}
END
cc -shared -fPIC -o "$tmp/faulty.so" "$tmp/faulty.c" ||
  skip 'no shared library can be built'

log=$tmp/log
truncate -s 32M "$tmp/a" "$tmp/b"
NBDMIRROR_WRAPPER="${NBDMIRROR_WRAPPER:-} env LD_PRELOAD=$tmp/faulty.so"
NBDMIRROR_WRAPPER="$NBDMIRROR_WRAPPER LOG_FILE=$log"
start_mirror "$tmp/a" "$tmp/b" log=disk:"$log" region-size=64K log-timeout=2 \
  leg-timeout=2
wait_mirror

seconds_of ()
{
  local begin=$EPOCHREALTIME status=0
  "$@" >>"$tmp/io.log" 2>&1 || status=$?
  took=$(((${EPOCHREALTIME/./} - ${begin/./}) / 1000))
  return "$status"
}

io ()
{
  qemu-io -f raw "$uri" -c "$1"
}

gets_eio ()
{
  seconds_of io "write -P 9 $1 64k" && fail "$2: a new mark was acknowledged"
  if [ "$took" -lt 1500 ] || [ "$took" -gt 6000 ]; then
    fail "$2: the error came after $took ms, log-timeout is 2 s"
  fi
}

goes_on ()
{
  seconds_of io 'read -P 1 0 64k' || fail "$1: a read failed"
}

works_again ()
{
  wait_for "$deadline" json_is .log.state ok
  seconds_of io "write -P 1 $2 64k" || fail "$1: a write failed afterwards"
  seconds_of io "read -P 1 $2 64k" || fail "$1: wrong data"
}

write_pattern 1 0 64k

# --- one sync fails: nobody notices, and it is said
: >"$log.sync"
seconds_of io 'write -P 1 1M 64k' || fail 'one failed sync: the client saw it'
[ ! -e "$log.sync" ] || fail 'no sync failed'
wait_said "log disk:$log: flush: Input/output error"
wait_said "log disk:$log: works again"
[ "$(json .log.flush_errors)" -gt 0 ] || fail 'one failed sync: not counted'

# --- writes fail for long
: >"$log.pwrite"
gets_eio 4M 'writes fail'
expect 'log' "$(json .log.state)" failed
expect 'last error' "$(json .log.last_error)" 'Input/output error'
goes_on 'writes fail'
rm "$log.pwrite"
seconds_of io 'write -P 1 4M 64k' || fail 'writes work again: a write failed'
works_again 'writes fail' 5M

# --- it hangs
: >"$log.hang"
gets_eio 8M 'it hangs'
goes_on 'it hangs'
rm "$log.hang"
works_again 'it hangs' 9M

# --- it hangs at the end
seconds_of io 'write -P 1 12M 64k' || fail 'before the end: a write failed'
: >"$log.hang"
begin=$SECONDS
stop_mirror
took=$((SECONDS - begin))
[ "$took" -le 8 ] || fail "the end took $took s, leg-timeout is 2 s"
rm "$log.hang"
start_mirror "$tmp/a" "$tmp/b" log=disk:"$log"
wait_mirror
for at in 0 1M 4M 5M 9M 12M; do
  seconds_of io "read -P 1 $at 64k" || fail "wrong data at $at"
done
stop_mirror
legs_equal "$tmp/a" "$tmp/b"
