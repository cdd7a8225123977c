#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause

# The layers (lower never includes higher):
#   common < net < log < plugin, logd, tools
# log/ knows no legs, legs know no logs, and only plugin.c, config.c and the
# message sink see nbdkit's header.

set -eu
cd "${top_srcdir:-$(dirname "$0")/..}"

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

mapfile -t above_common < <(headers net log logd plugin tools)
mapfile -t above_net < <(headers log logd plugin tools)
mapfile -t above_log < <(headers logd plugin tools)
mapfile -t not_plugin < <(headers logd tools)
mapfile -t not_logd < <(headers plugin tools)
mapfile -t of_log < <(headers log)

forbid common/*.[ch] -- "${above_common[@]}"
forbid net/*.[ch] -- "${above_net[@]}"
forbid log/*.[ch] -- "${above_log[@]}"
forbid plugin/*.[ch] -- "${not_plugin[@]}"
forbid logd/*.[ch] -- "${not_logd[@]}"
forbid plugin/leg*.[ch] plugin/nbd-conn.[ch] plugin/pool.[ch] \
  -- "${of_log[@]}" mirror.h mirror-impl.h

for file in */*.[ch]; do
  case $file in
    plugin/plugin.c | plugin/config.c | plugin/msg-nbdkit.c | tests/*) ;;
    *) forbid "$file" -- 'nbdkit-.*' ;;
  esac
done

exit $status
