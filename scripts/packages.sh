# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash

# What nbdmirror needs from the distribution.  Bash, sourced.

# Each line: what for ("build": to build and to serve, "demo": what quickstart
# shows, "test": to run every test, "bench": what `make bench' can use besides),
# the name in Debian, and the name in Fedora ("=": the same, "-": none).  Ubuntu
# has Debian's names.  Tried: Debian 12, with all tests; Debian 13, with those of
# tests/guest/test-other-debian.sh.  Ubuntu 24.04 and Fedora: names only.
package_table='
bench  gnuplot-nox         gnuplot-minimal
bench  linux-perf          perf
bench  qemu-system-common  qemu-img
bench  strace              =
build  autoconf            =
build  automake            =
build  gcc                 =
build  libc6-dev           glibc-devel
build  libcurl4-openssl-dev  libcurl-devel
build  libev-dev           libev-devel
build  libgnutls28-dev     gnutls-devel
build  libjson-c-dev       json-c-devel
build  libmicrohttpd-dev   libmicrohttpd-devel
build  libnbd-dev          libnbd-devel
build  libsystemd-dev      systemd-devel
build  libtool             =
build  libxml2-dev         libxml2-devel
build  make                =
build  nbdkit              =
build  nbdkit-plugin-dev   nbdkit-devel
build  perl                perl-podlators
build  pkg-config          pkgconf-pkg-config
build  util-linux          =
build  uuid-dev            libuuid-devel
build  zlib1g-dev          zlib-devel
demo   libnbd-bin          libnbd
test   bsdextrautils       util-linux
test   busybox-static      busybox
test   check               check-devel
test   clang               =
test   cpio                =
test   dmsetup             device-mapper
test   e2fsprogs           =
test   etcd-client         etcd
test   etcd-server         etcd
test   fio                 =
test   git                 =
test   gnutls-bin          gnutls-utils
test   iproute2            iproute
test   jq                  =
test   kmod                =
test   libc6-dev           libasan
test   libc6-dev           libtsan
test   libc6-dev           libubsan
test   libclang-rt-dev     compiler-rt
test   nbd-client          nbd
test   perl                perl-Pod-Checker
test   procps              procps-ng
test   python3-libnbd      =
test   qemu-system-x86     =
test   qemu-utils          qemu-img
test   shellcheck          ShellCheck
test   spin                -
test   curl                =
test   debootstrap         =
test   universal-ctags     ctags
test   valgrind            =
test   xz-utils            xz
'

# The value of a variable of os-release(5).
os_release ()
{
  (
    # shellcheck disable=SC1090 # which file it is, is not known here
    . "${OS_RELEASE:-/etc/os-release}" 2>/dev/null
    printf '%s' "${!1:-}"
  )
}

# debian, fedora, or other.
package_family ()
{
  local word
  for word in $(os_release ID) $(os_release ID_LIKE); do
    case $word in
      debian|fedora) echo "$word"; return ;;
    esac
  done
  echo other
}

# package_names FAMILY KIND...: the names of what is for these.
package_names ()
{
  local family=$1 kind
  shift
  for kind; do
    awk -v kind="$kind" -v family="$family" '
      $1 == kind {
        name = family == "fedora" && $3 != "=" ? $3 : $2
        if (name != "-") print name
      }' <<<"$package_table"
  done | sort -u
}

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

# install_by_apt NAME...: those that are not installed yet.  Apt installs
# nothing at all if it does not know one of them, so it is asked first.
install_by_apt ()
{
  local p missing=() known=() unknown=()

  for p; do
    case $(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null) in
      installed) ;;
      *) missing+=("$p") ;;
    esac
  done
  [ "${#missing[@]}" -gt 0 ] || return 0
  as_root apt-get -qq update </dev/null || return 1
  for p in "${missing[@]}"; do
    if apt-cache show "$p" >/dev/null 2>&1; then
      known+=("$p")
    else
      unknown+=("$p")
    fi
  done
  if [ "${#known[@]}" -gt 0 ]; then
    echo "Installing: ${known[*]}"
    as_root env DEBIAN_FRONTEND=noninteractive \
      apt-get -qq -o Dpkg::Use-Pty=0 install -y --no-install-recommends \
      "${known[@]}" </dev/null || return 1
  fi
  if [ "${#unknown[@]}" -gt 0 ]; then
    echo "$(os_release PRETTY_NAME) has no package: ${unknown[*]}" >&2
    return 1
  fi
}

# install_packages KIND...: on Debian and Ubuntu; elsewhere say what is needed.
install_packages ()
{
  local family names missing

  family=$(package_family)
  mapfile -t names < <(package_names "$family" "$@")
  case $family in
    debian) install_by_apt "${names[@]}" ;;
    fedora)
      missing=$(rpm -q --qf '' "${names[@]}" 2>&1 |
        sed -n 's/^package \(.*\) is not installed$/\1/p' | xargs)
      [ -z "$missing" ] ||
        echo "This is $(os_release PRETTY_NAME), where this was not tried." \
          "Install first: dnf install $missing" >&2
      ;;
    *)
      echo "This is $(os_release PRETTY_NAME): install the equivalents of" \
        "Debian's ${names[*]}" >&2
      ;;
  esac
}
