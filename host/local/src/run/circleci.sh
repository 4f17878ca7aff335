#!/usr/bin/env bash
# What steps find as `circleci` and `circleci-agent`: the part of CircleCI's command that makes sense on this machine.
set -euo pipefail

# Replaces $NAME and ${NAME} by the values of the variables. One that is not set becomes nothing. The names in here are
# such that they hide nobody's.
subst() {
  local baton_rest=$1 baton_filled='' baton_name
  while [[ $baton_rest =~ ^([^$]*)\$(\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*)) ]]; do
    baton_name=${BASH_REMATCH[3]}${BASH_REMATCH[4]}
    baton_filled+=${BASH_REMATCH[1]}${!baton_name-}
    baton_rest=${baton_rest#"${BASH_REMATCH[0]}"}
  done
  # What follows a $ that names nothing may have more of them.
  if [[ $baton_rest == *'$'* ]]; then
    baton_filled+=${baton_rest%%'$'*}'$'
    baton_rest=${baton_rest#*'$'}
    printf '%s' "$baton_filled"
    subst "$baton_rest"
    return
  fi
  printf '%s\n' "$baton_filled$baton_rest"
}

case "${1-} ${2-}" in
  'env subst')
    if [ $# -gt 2 ]; then subst "$3"; else subst "$(cat)"; fi
    ;;
  'step halt') touch "$(dirname "${BASH_SOURCE[0]}")/../halted" ;;
  *)
    printf 'error: circleci %s is not known to baton local\n' "$*" >&2
    printf '\nhint: there are circleci env subst and circleci step halt\n' >&2
    exit 1
    ;;
esac
