#!/usr/bin/env bash
# Fetches files into a directory.
set -euo pipefail

expand() {
  if command -v circleci >/dev/null 2>&1; then circleci env subst "$1"; else printf '%s\n' "$1"; fi
}

is_true() {
  case $1 in true | 1) ;; *) return 1 ;; esac
}

options=(--at "$(expand "$PARAM_AT")" --on-conflict "$PARAM_ON_CONFLICT" --if-no-build "$PARAM_IF_NO_BUILD")
if [ -n "$PARAM_ARTIFACT" ]; then options+=(--name "$(expand "$PARAM_ARTIFACT")"); fi
if [ -n "$PARAM_JOB" ]; then options+=(--job "$(expand "$PARAM_JOB")"); fi
if is_true "$PARAM_CLEAN"; then options+=(--clean); fi
if [ "$PARAM_STRIP" != 0 ]; then options+=(--strip "$PARAM_STRIP"); fi
if is_true "$PARAM_STRICT"; then options+=(--strict); fi
if is_true "$PARAM_REQUIRE_SIGNED"; then options+=(--require-signed "env:$PARAM_PUBLIC_KEY"); fi
only=$(expand "$PARAM_ONLY")
while IFS= read -r glob; do
  if [ -n "$glob" ]; then options+=(--only "$glob"); fi
done < <(printf '%s\n' "$only")
store=$(expand "$PARAM_STORE")
case $store in
  circleci) export BATON_STORE=circleci: ;;
  ?*) export BATON_STORE=$store ;;
esac
if [ -n "$PARAM_ROLE_ARN" ]; then options+=(--role-arn "$(expand "$PARAM_ROLE_ARN")"); fi
if [ -n "$PARAM_REGION" ]; then options+=(--region "$(expand "$PARAM_REGION")"); fi

baton attach "${options[@]}" -- "$(expand "$PARAM_SELECTOR")"
