#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause

# Includes go downwards (docs/DESIGN.md draws the layers; the flags in Makefile.am
# make most others fail to compile), and only plugin.c, params*.c and the message
# sink see nbdkit's header.  Threads begin in common/thread.c, which gives them
# a name and blocks their signals.

set -eu
cd "${top_srcdir:-$(dirname "$0")/../..}"

shopt -s nullglob
status=0

# forbid FILES... -- HEADERS...: none of the files includes any of these.
forbid ()
{
  local files=() names
  while [ "$1" != -- ]; do
    files+=("$1")
    shift
  done
  shift
  names=$(IFS='|' && echo "$*")
  if [ -n "$names" ] && [ ${#files[@]} -gt 0 ] &&
     grep -En "^# *include [<\"]($names)[>\"]" /dev/null "${files[@]}"; then
    echo "^ must not be included there"
    status=1
  fi
}

# The headers of a folder, as they are included.
headers ()
{
  local dir
  for dir; do
    find "$dir" -name '*.h' -printf '%f\n'
  done
}

# below FOLDER... -- FOLDER...: the first include nothing of the others.
below ()
{
  local files=() names
  while [ "$1" != -- ]; do
    mapfile -t -O "${#files[@]}" files < <(find "$1" -name '*.[ch]')
    shift
  done
  shift
  # Two programs may each have a header of that name.
  mapfile -t names < <(comm -23 <(headers "$@" | sort -u) \
    <(printf '%s\n' "${files[@]##*/}" | sort -u))
  forbid "${files[@]}" -- "${names[@]}"
}

below common -- net log logd plugin tools
below net/stream -- net/proto net/client
below net/proto -- net/stream net/client
below net -- log logd plugin tools
below log -- logd plugin tools
below log/truth -- log/disk log/remote
below log/disk -- log/remote
below log/remote -- log/disk
below plugin -- logd tools log/disk log/remote log/truth
below logd -- plugin tools log/disk log/remote log/truth
below logd/client -- logd/served logd/status logd/request
below logd/served -- logd/status logd/request
below logd/status -- logd/request
below tools -- logd log/disk log/remote log/truth \
  plugin/leg plugin/mirror plugin/open plugin/control
below plugin/leg -- log plugin/mirror plugin/open plugin/control
below plugin/mirror -- plugin/open plugin/control
below plugin/open -- plugin/control
below plugin/control -- plugin/open log

while IFS= read -r file; do
  case $file in
    plugin/plugin.c | plugin/params.c | plugin/params-*.c | plugin/msg-nbdkit.c) ;;
    *) forbid "$file" -- 'nbdkit-.*' ;;
  esac
done < <(find common net log logd plugin tools -name '*.[ch]')

if grep -rnw --include='*.[ch]' pthread_create \
     common net log logd plugin tools | grep -v '^common/thread\.c:'; then
  echo "^ must be thread_start (common/thread.h)"
  status=1
fi

exit $status
