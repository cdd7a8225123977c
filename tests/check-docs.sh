#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause

# The parameters of plugin/config.c are those of the man page and those of
# the help text, and so are the options of nbdmirror-logd; the pages are good
# POD.

set -eu
cd "${top_srcdir:-$(dirname "$0")/..}"

page=docs/nbdkit-mirror-plugin.pod
status=0

complain ()
{
  echo "$*"
  status=1
}

# same WHAT NAMES WANTED: those in $source.
source=plugin/config.c
same ()
{
  local only
  only=$(comm -23 <(echo "$2") <(echo "$3") | xargs)
  [ -z "$only" ] || complain "$1, but not in $source: $only"
  only=$(comm -13 <(echo "$2") <(echo "$3") | xargs)
  [ -z "$only" ] || complain "in $source, but not $1: $only"
}

table=$(sed -n '/^} params\[\] = {/,/^};/ s/^  {"\([^"]*\)",.*/\1/p' \
  plugin/config.c | sort)
[ -n "$table" ] || complain "plugin/config.c: where is the table?"
help=$(sed -n '/^#define PARAMS_HELP/,/^$/ s/^ *"\[\{0,1\}\([a-z-]*\)=.*/\1/p' \
  plugin/params.h | sort -u)
same "in PARAMS_HELP" "$help" "$table"

items=$(sed -n '/^=head1 PARAMETERS/,/^=head1 DURABILITY/ '\
's/^=item \[\{0,1\}B<\([a-z-]*\)=.*/\1/p' "$page" | sort -u)
same "in PARAMETERS of $page" "$items" "$table"
synopsis=$(sed -n '/^=head1 SYNOPSIS/,/^=head1 DESCRIPTION/p' "$page" |
  grep -o '\[[a-z-]*=' | tr -d '[=' | sort -u)
same "in SYNOPSIS of $page" "$synopsis" "$table"

source=logd/options.c
page=docs/nbdmirror-logd.pod
options=$(sed -n 's/^  {"\([a-z-]*\)", .*_argument.*/\1/p' $source | sort)
[ -n "$options" ] || complain "$source: where are the options?"
help=$(sed -n '/^static const char help/,/;$/p' $source |
  grep -o '^ *" *--[a-z-]*.*' | grep -o -- '--[a-z-]*' | sed 's/^--//' |
  sort -u)
same "in the help text" "$help" "$options"
items=$(sed -n 's/^=item B<--\([a-z-]*\)>.*/\1/p' $page | sort -u)
same "in OPTIONS of $page" "$items" "$options"
synopsis=$(sed -n '/^=head1 SYNOPSIS/,/^=head1 DESCRIPTION/p' $page |
  grep -o -- '--[a-z-]*' | sed 's/^--//' | sort -u)
same "in SYNOPSIS of $page" "$synopsis" "$options"

if ! command -v podchecker >/dev/null; then
  [ $status -eq 0 ] || exit $status
  echo "SKIP: podchecker is not installed"
  exit 77
fi
for pod in docs/*.pod; do
  out=$(podchecker --warnings "$pod" 2>&1) ||
    complain "$pod: podchecker fails"
  ! grep '^\*\*\*' <<<"$out" || complain "^ in $pod"
done

exit $status
