# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# shellcheck disable=SC2034 # used by those who source this

# What nbdmirror needs from Debian 12, and the functions that quickstart and
# run-tests share.  Bash, sourced.

# To build, and to serve.
build_packages=(
  autoconf
  automake
  check
  gcc
  libc6-dev
  libev-dev
  libgnutls28-dev
  libjson-c-dev
  libmicrohttpd-dev
  libnbd-dev
  libsystemd-dev
  libtool
  make
  nbdkit
  nbdkit-plugin-dev
  perl
  pkg-config
  uuid-dev
  zlib1g-dev
)

# What quickstart shows.
demo_packages=(
  libnbd-bin
)

# To run every test.
test_packages=(
  busybox-static
  clang
  cpio
  dmsetup
  e2fsprogs
  fio
  git
  gnutls-bin
  iproute2
  jq
  kmod
  libclang-rt-14-dev
  nbd-client
  procps
  python3-libnbd
  qemu-system-x86
  qemu-utils
  shellcheck
  spin
  util-linux
  valgrind
  xz-utils
)

as_root ()
{
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    echo "this needs root or sudo: $*" >&2
    return 1
  fi
}

# install_packages NAME...: those that are not installed yet.
install_packages ()
{
  local p missing=()

  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "This is not Debian: have the equivalents of: $*" >&2
    return 0
  fi
  for p; do
    case $(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null) in
      installed) ;;
      *) missing+=("$p") ;;
    esac
  done
  [ "${#missing[@]}" -gt 0 ] || return 0

  echo "Installing: ${missing[*]}"
  as_root apt-get -qq update </dev/null || return 1
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get -qq -o Dpkg::Use-Pty=0 install -y --no-install-recommends \
    "${missing[@]}" </dev/null
}

# The files of the source tree, null-terminated: what git knows or would add;
# without git, what is not made by a build.
list_sources ()
{
  local f

  if [ -e .git ] && git ls-files >/dev/null 2>&1; then
    git ls-files -z --cached --others --exclude-standard |
      while IFS= read -r -d '' f; do
        [ ! -e "$f" ] || printf '%s\0' "$f"
      done
  else
    find . \( -name .git -o -name 'build-*' -o -name quickstart.d \
              -o -name .libs -o -name .deps -o -name autom4te.cache \) -prune -o \
           \( -type f -o -type l \) ! -name '*.o' ! -name '*.lo' ! -name '*.la' \
           ! -name 'config.status' ! -name config.log ! -name config.h \
           ! -name Makefile ! -name libtool ! -name '*.log' ! -name '*.trs' \
           -print0
  fi
}

# copy_sources DIR: a copy of the source tree, which is the current directory,
# in DIR/src, with configure made there.  So the tree itself stays as it is,
# and may have been configured in place.  Files that did not change keep
# their times, for make.
copy_sources ()
{
  local dir=$1

  mkdir -p "$dir"
  list_sources > "$dir/sources.new"
  # A file that is gone here must be gone there.
  if ! cmp -s "$dir/sources.new" "$dir/sources"; then
    rm -rf "$dir/src"
  fi
  mkdir -p "$dir/src"
  xargs -0 cp -pu --parents -t "$dir/src" < "$dir/sources.new" || return 1
  mv "$dir/sources.new" "$dir/sources"
  # Later changes are made's own business.
  if [ ! -e "$dir/src/configure" ]; then
    (cd "$dir/src" && autoreconf -i)
  fi
}

# configure_in SRC DIR OPTION...: unless that has been done.
configure_in ()
{
  local src dir=$2

  src=$(cd "$1" && pwd) || return 1
  shift 2
  mkdir -p "$dir"
  if [ ! -e "$dir/config.status" ]; then
    (cd "$dir" && "$src/configure" --quiet "$@")
  fi
}

jobs_here ()
{
  nproc 2>/dev/null || echo 1
}
