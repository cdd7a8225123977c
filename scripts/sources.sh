# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash

# The sources and a build of them, for quickstart and run-tests.  Bash, sourced.

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
