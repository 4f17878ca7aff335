#!/usr/bin/env bash
# Saves files as an artifact of this build. With the store circleci it writes to a directory, which the next step stores.
set -euo pipefail

expand() {
  if command -v circleci >/dev/null 2>&1; then circleci env subst "$1"; else printf '%s\n' "$1"; fi
}

is_true() {
  case $1 in true | 1) ;; *) return 1 ;; esac
}

options=(--root "$(expand "$PARAM_ROOT")" --name "$(expand "$PARAM_ARTIFACT")")
options+=(--if-no-files "$PARAM_IF_NO_FILES" --special-files "$PARAM_SPECIAL_FILES" --on-conflict "$PARAM_ON_CONFLICT")
if is_true "$PARAM_SIGN"; then options+=(--sign "env:$PARAM_SIGNING_KEY"); fi
store=$(expand "$PARAM_STORE")
case $PARAM_STORE in
  circleci)
    # Files that another job left on this machine are not artifacts of this one.
    kept=$HOME/.baton job=${CIRCLE_WORKFLOW_JOB_ID:-${CIRCLE_BUILD_NUM:-}}.${CIRCLE_NODE_INDEX:-0}
    if [ "$(cat "$kept/job" 2>/dev/null)" != "$job" ]; then
      rm -rf -- "$kept/store"
      mkdir -p -- "$kept"
      printf '%s\n' "$job" >"$kept/job"
    fi
    export BATON_STORE=file:$kept/store
    ;;
  *)
    if [ "$store" = circleci ]; then
      printf 'error: %s expands to circleci, but no step stores the artifacts: CircleCI expands variables too late for that\n' \
        "$PARAM_STORE" >&2
      printf '\nhint: write store: circleci, or use a parameter of the pipeline\n' >&2
      exit 1
    fi
    if [ -n "$store" ]; then export BATON_STORE=$store; fi
    ;;
esac
if [ -n "$PARAM_ROLE_ARN" ]; then options+=(--role-arn "$(expand "$PARAM_ROLE_ARN")"); fi
if [ -n "$PARAM_REGION" ]; then options+=(--region "$(expand "$PARAM_REGION")"); fi

paths=()
listed=$(expand "$PARAM_PATHS")
while IFS= read -r path; do
  if [ -n "$path" ]; then paths+=("$path"); fi
done < <(printf '%s\n' "$listed")
if [ ${#paths[@]} -eq 0 ]; then
  printf 'error: paths is empty\n\nhint: write one path or glob a line\n' >&2
  exit 1
fi

baton persist "${options[@]}" -- "${paths[@]}"
