#!/usr/bin/env bash
# Attaches and persists as variables say: what the integrations of other runners share. Prints the build that it makes.
#   PARAM_ATTACH    a selector; empty to attach nothing       PARAM_AT      where to, else here
#   PARAM_PERSIST   a path or glob a line; empty for nothing  PARAM_ROOT    what they are relative to, else here
#   PARAM_NAME, PARAM_JOB, PARAM_STORE, PARAM_ROLE_ARN        empty where the runner or BATON_* says
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
