# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# shellcheck disable=SC2154 # of functions.sh and bench

# What a load costs the servers: CPU and system calls; and what machine it
# was.  Bash, sourced.

ticks=$(getconf CLK_TCK)

# cpu_us PID...: user and system time they have used, all threads and those
# that have ended.
cpu_us ()
{
  local pid
  for pid; do
    sed 's/.*) //' "/proc/$pid/stat"
  done | awk -v hz="$ticks" '{ t += $12 + $13 } END { print t * 1e6 / hz }'
}

# System calls that are counted under one name, where this kernel has them.
syscall_groups='
futex  futex
send   sendto sendmsg write writev
recv   recvfrom recvmsg read readv
poll   poll ppoll select pselect6 epoll_wait epoll_pwait epoll_pwait2
file   pread64 pwrite64 preadv pwritev preadv2 pwritev2 io_uring_enter
sync   fsync fdatasync sync_file_range fallocate
'

# The events of perf(1), separated by commas.
count_events ()
{
  local name names events=raw_syscalls:sys_enter,context-switches
  local dir=/sys/kernel/tracing/events/syscalls
  while read -r _ names; do
    for name in $names; do
      [ ! -d "$dir/sys_enter_$name" ] || events+=,syscalls:sys_enter_$name
    done
  done <<<"$syscall_groups"
  echo "$events"
}

# can_count: perf is there and may see system calls of other processes.
can_count ()
{
  if [ -z "${counting:-}" ]; then
    counting=no
    events=$(count_events)
    # As counted uses it.
    if perf stat -x, -o /dev/null -e "$events" -p "$$" -- true \
         >/dev/null 2>&1; then
      counting=yes
    fi
  fi
  [ "$counting" = yes ]
}

# counted PIDS CMD...: what the processes do while CMD runs, into
# $tmp/counts: a name and a number a line.  PIDS is separated by commas.
# Threads that begin in the meantime are counted too.
counted ()
{
  local pids_counted=$1
  shift
  perf stat -x, -o "$tmp/perf.out" -e "$events" -p "$pids_counted" -- "$@"
  awk -F, 'NF > 3 { sub (/.*:sys_enter_/, "", $3); print $3, $1 }' \
    "$tmp/perf.out" |
    awk 'NR == FNR { for (i = 2; i <= NF; i++) group[$i] = $1; next }
         $1 == "raw_syscalls:sys_enter" { $1 = "syscalls" }
         $1 == "context-switches" { $1 = "switches" }
         { name = ($1 in group) ? group[$1] : $1; n[name] += $2 }
         END { for (name in n) print name, n[name] }' \
      <(echo "$syscall_groups") - >"$tmp/counts"
}

rss_mib ()
{
  awk '$1 == "VmRSS:" { printf "%.1f\n", $2 / 1024 }' "/proc/$1/status"
}

version_of ()
{
  if command -v "$1" >/dev/null; then
    "$@" 2>&1 | sed -n 1p
  else
    echo "$1: not installed"
  fi
}

# The state of the machine when it begins; others' load makes figures useless.
describe_machine ()
{
  local cpu
  cpu=$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | sed -n 1p)
  echo "date: $(date -u +%Y-%m-%dT%H:%MZ)"
  echo "commit: $(git -C "$top_srcdir" describe --always --dirty 2>/dev/null ||
    echo unknown)"
  echo "processors: $(nproc) of ${cpu:-$(uname -m)}"
  echo "memory: $(awk '$1 == "MemTotal:" { print int ($2 / 1024) }' \
    /proc/meminfo) MiB"
  echo "kernel: $(uname -sr)"
  echo "load average at the start: $(cut -d ' ' -f 1-3 /proc/loadavg)"
  echo "disks and logs on: $(stat -fc %T "$tmp")"
  echo "rounds: $rounds, $run_ms ms of load each, disks of $mib MiB," \
    "copies of $copy_mib MiB"
  version_of nbdkit --version
  version_of nbdcopy --version
  version_of fio --version
  version_of qemu-storage-daemon --version
}

# What was left out, and why.
describe_notes ()
{
  can_count ||
    echo "system calls are not counted: perf is not installed or not allowed"
  has_quorum ||
    echo "no quorum: qemu-storage-daemon is not installed or lacks the driver"
  echo "load average at the end: $(cut -d ' ' -f 1-3 /proc/loadavg)"
}
