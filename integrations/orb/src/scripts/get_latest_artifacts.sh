#!/usr/bin/env bash
# Downloads the artifacts of the newest successful job of a branch.
set -euo pipefail

expand() {
  if command -v circleci >/dev/null 2>&1; then circleci env subst "$1"; else printf '%s\n' "$1"; fi
}

is_true() {
  case $1 in true | 1) ;; *) return 1 ;; esac
}

options=(--at "$(expand "$PARAM_AT")" --job "$(expand "$PARAM_JOB")")
if [ -n "$PARAM_BRANCH" ]; then options+=(--branch "$(expand "$PARAM_BRANCH")"); fi
if is_true "$PARAM_FROM_ENV"; then options+=("--from-env=$PARAM_VARIABLE"); fi
only=$(expand "$PARAM_ONLY")
while IFS= read -r glob; do
  if [ -n "$glob" ]; then options+=(--only "$glob"); fi
done < <(printf '%s\n' "$only")
export BATON_STORE=circleci:

baton attach "${options[@]}" -- latest
