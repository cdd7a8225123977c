#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause

# The parameters of plugin/params.c are those of the man page and those of
# the help text, and so are the kinds of log, and the options of nbdmirror-logd;
# types and errors of
# net/proto/proto.h are those of the page of the protocol, with the same numbers; the
# tests that docs/rules.md names are there; the pages are good POD.

set -eu
cd "${top_srcdir:-$(dirname "$0")/../..}"

page=docs/nbdkit-mirror-plugin.pod
status=0

complain ()
{
  echo "$*"
  status=1
}

# same WHAT NAMES WANTED: those in $source.
source=plugin/params.c
same ()
{
  local only
  only=$(comm -23 <(echo "$2") <(echo "$3") | xargs)
  [ -z "$only" ] || complain "$1, but not in $source: $only"
  only=$(comm -13 <(echo "$2") <(echo "$3") | xargs)
  [ -z "$only" ] || complain "in $source, but not $1: $only"
}

table=$(sed -n '/^} params\[\] = {/,/^};/ s/^  {"\([^"]*\)",.*/\1/p' \
  plugin/params.c | sort)
[ -n "$table" ] || complain "plugin/params.c: where is the table?"
help=$(sed -n '/^#define PARAMS_HELP/,/^$/ s/^ *"\[\{0,1\}\([a-z-]*\)=.*/\1/p' \
  plugin/params.h | sort -u)
same "in PARAMS_HELP" "$help" "$table"

items=$(sed -n '/^=head1 PARAMETERS/,/^=head1 DURABILITY/ '\
's/^=item \[\{0,1\}B<\([a-z-]*\)=.*/\1/p' "$page" | sort -u)
same "in PARAMETERS of $page" "$items" "$table"
synopsis=$(sed -n '/^=head1 SYNOPSIS/,/^=head1 DESCRIPTION/p' "$page" |
  grep -o '\[[a-z-]*=' | tr -d '[=' | sort -u)
same "in SYNOPSIS of $page" "$synopsis" "$table"

# Every kind of log is in both.
kinds=$(grep -rho '^  \.type = "[a-z-]*"' log | cut -d'"' -f2)
[ -n "$kinds" ] || complain "log: where are the types?"
for kind in $kinds; do
  sed -n '/^=head1 SYNOPSIS/,/^=head1 DESCRIPTION/p' "$page" |
    grep -Eq -- "(^|[^a-z-])$kind([^a-z-]|$)" ||
    complain "SYNOPSIS of $page lacks log=$kind"
  sed -n '/^#define PARAMS_HELP/,/^$/p' plugin/params.h |
    sed 's/\(userspace\)\[\(-core\)\]/\1|\1\2/' |
    grep -Eq -- "(=|\|)$kind([^a-z-]|$)" || complain "PARAMS_HELP lacks log=$kind"
done

# One directory of the log server's, everywhere.
! grep -Hn '/var/lib/nbdmirror\(-logd\)\{0,1\}' README.md docs/*.pod examples/* |
  grep -v '/var/lib/nbdmirror-logd' || complain "^ not /var/lib/nbdmirror-logd"
! grep -L '^StateDirectory=nbdmirror-logd$' logd/*.service.in | grep . ||
  complain "^ StateDirectory is not nbdmirror-logd"

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

# enum_of NAME: "number name" of each member but 0 and the last.
enum_of ()
{
  sed -n "/^enum $1 {/,/^};/ s/^  PROTO_\([A-Z_]*\).*/\1/p" net/proto/proto.h |
    sed 's/^E_//' | grep -vx 'OK\|NR_TYPES\|NR_ERRORS' | awk '{print NR, $1}'
}

# table_of HEADING: the same in the page.
table_of ()
{
  sed -n "/^=head2 $1\$/,/^=head1/p" docs/nbdmirror-protocol.pod |
    sed '1d; /^=head/,$d' |
    sed -n 's/^ \{1,\}\([0-9]\{1,\}\)  \([A-Z_]*\) .*/\1 \2/p'
}

for what in "proto_type Types" "proto_error Errors"; do
  read -r enum heading <<<"$what"
  in_code=$(enum_of "$enum")
  [ -n "$in_code" ] || complain "net/proto/proto.h: where is enum $enum?"
  diff -u --label "net/proto/proto.h, enum $enum" <(echo "$in_code") \
    --label "docs/nbdmirror-protocol.pod, $heading" <(table_of "$heading") ||
    complain "^ they differ"
done

# test_exists NAME: test-x.sh, or unit-x:TEST, where a * may stand for the rest.
test_exists ()
{
  local file=tests/unit/${1%%:*}.c name=${1#*:}
  local defined='^(LOOP_|SIGNAL_)?TEST(_IN)? \(([a-z_]+, )?'
  case $1 in
    *:*\*) grep -Eq "$defined${name%\*}" "$file" ;;
    *:*) grep -Eq "$defined${name}[,)]" "$file" ;;
    *) compgen -G "tests/*/${1##*/}" >/dev/null ;;
  esac
}

# The tests that docs/rules.md names.
tests=$(grep -o "\`[^\`]*\`" docs/rules.md | tr -d "\`" |
  grep -E '^(unit-[a-z-]*:|(tests/.*)?test-.*\.sh$)' | sort -u)
[ -n "$tests" ] || complain "docs/rules.md: where are the tests?"
while read -r name; do
  test_exists "$name" || complain "docs/rules.md: there is no test $name"
done <<<"$tests"

# FILE.c:FUNCTION and FILE.[ch] in docs/DESIGN.md.
while IFS=: read -r file name; do
  mapfile -t found < <(find ./common ./net ./log ./logd ./plugin ./tools \
    -path "*/$file")
  if [ ${#found[@]} -eq 0 ]; then
    complain "docs/DESIGN.md: there is no $file"
  elif [ -n "$name" ] && ! grep -q "^$name (" "${found[@]}"; then
    complain "docs/DESIGN.md: $file has no function $name"
  fi
done < <(grep -o "\`[a-z/-]*\.[ch]\(:[a-z_0-9]*\)\{0,1\}\`" docs/DESIGN.md |
  tr -d "\`" | sort -u)

# Every `nbdmirror VERB` that a message or a page names is in the tool's table.
verbs=$(sed -n '/^static const struct verb verbs/,/^};/ '\
's/^  {"\([a-z -]*\)", verb_.*/\1/p' tools/verbs.c)
[ -n "$verbs" ] || complain "tools/verbs.c: where are the verbs?"

source=tools/verbs.c
page=docs/nbdmirror.pod
items=$(sed -n '/^=head1 VERBS/,/^=head1 EXIT/ '\
's/^=head2 \([a-z -]*[a-z]\)\( [^a-z].*\)\{0,1\}$/\1/p' $page | sort)
same "in VERBS of $page" "$items" "$(sort <<<"$verbs")"

# names_of FILE: what follows the word where it is quoted as a command, in a
# C string (which may be in pieces), in POD, or indented.
names_of ()
{
  case $1 in
    *.c|*.h) tr -d '\n' <"$1" | sed 's/" *"//g' | grep -o "\`nbdmirror [a-z -]*" ;;
    *) grep -o "[\`<]nbdmirror [a-z -]*\|^  *nbdmirror [a-z -]*" "$1" |
      tr -s ' ' ;;
  esac | sed 's/.*nbdmirror //'
}

while read -r file; do
  while read -r name; do
    [[ $name =~ ^((log|resync)\ )?[a-z][a-z-]* ]] || continue # an option
    grep -qx -- "${BASH_REMATCH[0]}" <<<"$verbs" ||
      complain "$file: there is no verb \"nbdmirror $name\""
  done < <(names_of "$file" || :)
done < <(find ./README.md ./quickstart ./docs ./common ./net ./log ./logd \
  ./plugin ./service ./tools -type f \( -name '*.[ch]' -o -name '*.pod' -o \
  -name '*.md' -o -name 'quickstart' -o -name '*.in' \))

# Each order of the control socket is in the table of its page.
source=plugin/control/order-json.c
page=docs/nbdmirror-control.pod
orders=$(sed -n 's/^  {"\([a-z-]*\)", ORDER_.*/\1/p' $source | sort)
[ -n "$orders" ] || complain "$source: where are the orders?"
items=$(sed -n '/^ command  /,/^[^ ]/ s/^ \([a-z][a-z-]*\)  .*/\1/p' $page |
  grep -v '^command$' | sort)
same "in COMMANDS of $page" "$items" "$orders"

# The examples are two of the vectors.
examples=$(sed -n '/^=head1 EXAMPLES/,/^=head1 TEST/p' \
  docs/nbdmirror-protocol.pod |
  sed -n 's/^ *[0-9]*  \(\([0-9a-f][0-9a-f] \{0,1\}\)*\).*/\1/p' | tr -d ' \n')
wanted=$(sed -n 's/^\(mark-region\|flush-reply\) //p' tests/vectors/proto-vectors.txt |
  tr -d '\n')
[ "$examples" = "$wanted" ] ||
  complain "the examples of the protocol differ from its vectors"

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
