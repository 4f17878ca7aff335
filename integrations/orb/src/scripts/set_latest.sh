#!/usr/bin/env bash
# Writes the number of this job to a variable of the project.
set -euo pipefail

expand() {
  if command -v circleci >/dev/null 2>&1; then circleci env subst "$1"; else printf '%s\n' "$1"; fi
}

is_true() {
  case $1 in true | 1) ;; *) return 1 ;; esac
}

options=(--var "$PARAM_VARIABLE")
if is_true "$PARAM_FORCE"; then options+=(--force); fi
export BATON_STORE=circleci:

baton latest set "${options[@]}"
