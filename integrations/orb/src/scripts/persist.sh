#!/usr/bin/env bash
# Stores files as an artifact of this build. With the store circleci they go to a directory, which the next step keeps.
set -euo pipefail

expand() {
  if command -v circleci >/dev/null 2>&1; then circleci env subst "$1"; else printf '%s\n' "$1"; fi
}

is_true() {
  case $1 in true | 1) ;; *) return 1 ;; esac
}

options=(--root "$(expand "$PARAM_ROOT")" --name "$(expand "$PARAM_ARTIFACT")")
options+=(--if-no-files "$PARAM_IF_NO_FILES" --on-conflict "$PARAM_ON_CONFLICT")
if is_true "$PARAM_SIGN"; then options+=(--sign "env:$PARAM_SIGNING_KEY"); fi
case $(expand "$PARAM_STORE") in
  circleci) export BATON_STORE=file:$HOME/.baton/store ;;
  ?*) BATON_STORE=$(expand "$PARAM_STORE") && export BATON_STORE ;;
esac
if [ -n "$PARAM_ROLE_ARN" ]; then options+=(--role-arn "$(expand "$PARAM_ROLE_ARN")"); fi
if [ -n "$PARAM_REGION" ]; then options+=(--region "$(expand "$PARAM_REGION")"); fi

paths=()
while IFS= read -r path; do
  if [ -n "$path" ]; then paths+=("$path"); fi
done < <(expand "$PARAM_PATHS")
if [ ${#paths[@]} -eq 0 ]; then
  printf 'error: there is no path to persist\n\nhint: name one a line with paths\n' >&2
  exit 1
fi

baton persist "${options[@]}" -- "${paths[@]}"
