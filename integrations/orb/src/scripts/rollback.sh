#!/usr/bin/env bash
# Moves a channel back to an earlier build.
set -euo pipefail

expand() {
  if command -v circleci >/dev/null 2>&1; then circleci env subst "$1"; else printf '%s\n' "$1"; fi
}

is_true() {
  case $1 in true | 1) ;; *) return 1 ;; esac
}

options=()
if [ -n "$PARAM_TO" ]; then options+=(--to "$(expand "$PARAM_TO")"); fi
if [ -n "$PARAM_REASON" ]; then options+=(--reason "$(expand "$PARAM_REASON")"); fi
if ! is_true "$PARAM_HOLD"; then options+=(--no-hold); fi
if [ -n "$PARAM_ARTIFACT" ]; then options+=(--name "$(expand "$PARAM_ARTIFACT")"); fi
store=$(expand "$PARAM_STORE")
case $store in
  circleci)
    printf 'error: %s needs a store that it can write to, and CircleCI artifacts can only be read\n' rollback >&2
    printf '\nhint: save the build to a bucket, and pass the same store to both commands, for example s3://BUCKET/PREFIX\n' >&2
    exit 1
    ;;
  ?*) export BATON_STORE=$store ;;
esac
if [ -n "$PARAM_ROLE_ARN" ]; then options+=(--role-arn "$(expand "$PARAM_ROLE_ARN")"); fi
if [ -n "$PARAM_REGION" ]; then options+=(--region "$(expand "$PARAM_REGION")"); fi

baton rollback ${options[@]+"${options[@]}"} -- "$(expand "$PARAM_CHANNEL")"
