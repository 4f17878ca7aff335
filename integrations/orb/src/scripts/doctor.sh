#!/usr/bin/env bash
# Prints the values that the runner gives for this build, the missing ones, and whether the store works.
set -euo pipefail

expand() {
  if command -v circleci >/dev/null 2>&1; then circleci env subst "$1"; else printf '%s\n' "$1"; fi
}

options=()
store=$(expand "$PARAM_STORE")
case $store in
  circleci) export BATON_STORE=circleci: ;;
  ?*) export BATON_STORE=$store ;;
esac
if [ -n "$PARAM_ROLE_ARN" ]; then options+=(--role-arn "$(expand "$PARAM_ROLE_ARN")"); fi
if [ -n "$PARAM_REGION" ]; then options+=(--region "$(expand "$PARAM_REGION")"); fi

baton doctor ${options[@]+"${options[@]}"}
