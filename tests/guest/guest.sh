# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# shellcheck source=../lib/functions.sh disable=SC2154

# Guests for tests, after functions.sh: a kernel of Debian's in qemu without
# KVM, and one initramfs for all tests.  Both are cached in
# $top_builddir/tests/guest/cache.

guest_dir=$top_srcdir/tests/guest

# Seconds that a guest may take: emulated, and beside other tests.
guest_deadline=$((deadline * 10))

# Get kernel and initramfs; skip the test where that cannot be done.  Only one
# guest runs at a time: the lock is held until the test ends.
guest_setup ()
{
  local t cache=$top_builddir/tests/guest/cache status=0 images

  requires_tool apt-get dpkg-deb qemu-system-x86_64 busybox cpio depmod \
    modprobe setpriv flock "$@"
  # Not a skip: make-initramfs would fail with less to say.
  for t in nbd-client mkfs.ext4 e2fsck dmsetup; do
    requires_tool "$t"
  done
  mkdir -p "$cache"
  exec 9>"$cache/lock"
  flock -w 600 9 || fail "another guest test holds $cache/lock"

  guest_kernel=$("$guest_dir/get-kernel" "$cache" 2>"$tmp/get-kernel.err") ||
    status=$?
  [ "$status" -ne 77 ] || skip "$(tail -n 1 "$tmp/get-kernel.err")"
  [ "$status" -eq 0 ] || fail "get-kernel: $(cat "$tmp/get-kernel.err")"
  images=("$guest_kernel"/boot/vmlinuz-*)
  guest_vmlinuz=${images[0]}

  guest_initramfs=$cache/initramfs.gz
  if [ ! -e "$guest_initramfs" ] ||
     [ "$guest_dir/make-initramfs" -nt "$guest_initramfs" ] ||
     [ "$guest_dir/init" -nt "$guest_initramfs" ]; then
    "$guest_dir/make-initramfs" "$guest_kernel" "$guest_initramfs"
  fi
}

# guest_program DIR NAME FILE: put the program or plugin into DIR under this
# name, and the libraries that it needs.
guest_program ()
{
  local lib
  mkdir -p "$1/bin"
  cp "$3" "$1/$2"
  ldd "$3" | sed -n 's|^[^/]*\(/[^ ]*\).*|\1|p' |
    while read -r lib; do
      mkdir -p "$1/${lib%/*}"
      cp -Lu "$lib" "$1/$lib"
    done
}

# start_guest NAME SCRIPT QEMU-ARG...: boot a guest that runs SCRIPT
# with busybox's sh, with the files in $tmp/guest-NAME in its root directory.
# The console is $tmp/guest-NAME.log; $guest_pid is the guest's process.  A busy
# machine is no reason for its kernel to distrust the timer, and to panic.
start_guest ()
{
  local name=$1 script=$2
  shift 2

  mkdir -p "$tmp/guest-$name"
  cp "$script" "$tmp/guest-$name/test.sh"
  (cd "$tmp/guest-$name" && find . -print0 |
    cpio --quiet -0 -o -H newc -R 0:0) | gzip -1 > "$tmp/guest-$name.gz"
  cat "$guest_initramfs" "$tmp/guest-$name.gz" > "$tmp/guest-$name.initrd"

  guest_log=$tmp/guest-$name.log
  background "guest-$name" timeout -s KILL "$guest_deadline" \
    setpriv --pdeathsig KILL -- \
    qemu-system-x86_64 -accel tcg,thread=multi -cpu max -m 512 \
      -nographic -monitor none -serial stdio -no-reboot \
      -pidfile "$tmp/guest-$name.pid" \
      -kernel "$guest_vmlinuz" -initrd "$tmp/guest-$name.initrd" \
      -append "console=ttyS0 panic=-1 quiet no_timer_check" "$@"
  guest_waiter=$!
  wait_for "$deadline" pidfile_or_gone "$guest_waiter" "$tmp/guest-$name.pid"
  guest_pid=$(cat "$tmp/guest-$name.pid") || fail "qemu did not start"
}

# The guest must end by itself, and well.
finish_guest ()
{
  reap "$guest_waiter" || fail "the guest ended with status $?"
  grep -q '^RESULT PASS' "$guest_log" || fail "the guest failed"
  tr -d '\r' < "$guest_log" | sed -n 's/^.*\(guest: .* up\)/\1/; /^guest:/,$p'
}

# guest_says TEXT: for wait_for; also true when the guest is gone.
guest_says ()
{
  grep -q "^$1" "$guest_log" || not running "$guest_pid"
}

# Power is lost: nothing that is only in the guest's memory survives.
cut_guest ()
{
  kill -KILL "$guest_pid"
  reap "$guest_waiter" || true
  wait_for "$deadline" not running "$guest_pid"
}

# The device arguments for a raw image; the n-th one is /dev/vdN.
guest_disk ()
{
  printf '%s\n' -drive "file=$1,if=virtio,format=raw,cache=writeback"
}
