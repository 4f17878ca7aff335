#!/usr/bin/env bash
# Attaches and persists as these variables say. The integrations of other runners share it. Prints the new build.
#   PARAM_ATTACH    a selector; empty to attach nothing       PARAM_AT      the target, default .
#   PARAM_PERSIST   a path or glob a line; empty for nothing  PARAM_ROOT    the root of the paths, default .
#   PARAM_NAME, PARAM_JOB, PARAM_STORE, PARAM_ROLE_ARN        empty to use the runner or BATON_*
set -euo pipefail

if [ -n "${PARAM_JOB:-}" ]; then export BATON_JOB=$PARAM_JOB; fi
if [ -n "${PARAM_STORE:-}" ]; then export BATON_STORE=$PARAM_STORE; fi
if [ -n "${PARAM_ROLE_ARN:-}" ]; then export BATON_ROLE_ARN=$PARAM_ROLE_ARN; fi
named=()
if [ -n "${PARAM_NAME:-}" ]; then named=(--name "$PARAM_NAME"); fi

if [ -n "${PARAM_ATTACH:-}" ]; then
  baton attach ${named[@]+"${named[@]}"} --at "${PARAM_AT:-.}" -- "$PARAM_ATTACH"
fi

paths=()
while IFS= read -r path; do
  if [ -n "$path" ]; then paths+=("$path"); fi
done < <(printf '%s\n' "${PARAM_PERSIST:-}")
if [ ${#paths[@]} -gt 0 ]; then
  baton persist ${named[@]+"${named[@]}"} --root "${PARAM_ROOT:-.}" -- "${paths[@]}"
fi
