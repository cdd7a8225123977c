# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash

# Completion of nbdmirror's command line for bash.  Verbs and options are those
# of its help text.

_nbdmirror ()
{
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
  local help verb words

  help=$("${COMP_WORDS[0]}" --help 2>/dev/null)
  verb=${COMP_WORDS[1]:-}
  # Two words, as in "log list".
  if grep -q "^nbdmirror $verb [a-z]" <<<"$help"; then
    [ "$COMP_CWORD" -le 2 ] || verb+=" ${COMP_WORDS[2]}"
  fi
  case $prev in
    --timeout|--tls-username) return ;;
    --tls-psk|--tls-certificates) COMPREPLY=(); return ;;
  esac
  if [ "$COMP_CWORD" -eq 1 ]; then
    words=$(sed -n 's/^nbdmirror \([a-z]*\) .*/\1/p' <<<"$help")
    words+=" --help --version"
  elif [ "$COMP_CWORD" -eq 2 ] &&
       words=$(sed -n "s/^nbdmirror $verb \\([a-z]\\{1,\\}\\) .*/\\1/p" \
                 <<<"$help") && [ -n "$words" ]; then
    :
  elif [[ $cur = -* ]]; then
    words=$(sed -n "/^nbdmirror $verb [^a-z]/,/^nbdmirror /p" <<<"$help" |
      sed -n '1s/^.*$//; s/^  \(--[a-z-]*\).*/\1/p')
  else
    case $verb in
      status|wait) words=$(compgen -G '/run/nbdmirror/*/control') ;;
    esac
  fi
  mapfile -t COMPREPLY < <(compgen -W "${words:-}" -- "$cur")
}
# Files where there is nothing better.
complete -o default -F _nbdmirror nbdmirror
