#!/usr/bin/env bash
# baton on any runner that has a shell: one script for the build and one for the deployment, here as two functions.
#   BATON_STORE=/mnt/shared/baton integrations/shell/example.sh build
#   BATON_STORE=/mnt/shared/baton integrations/shell/example.sh deploy
#
# On CircleCI, GitHub Actions, GitLab CI, Buildkite and Jenkins baton reads the build from the runner's variables. On any
# other runner it asks git for the project, the branch and the commit; set BATON_NUMBER to the number of the build.
set -euo pipefail

# The script is in a checkout of this repository, and in every release.
install_baton() {
  PARAM_VERSION=0.1.0 "$(dirname "$0")/../orb/src/scripts/install.sh" >&2
  PATH=$HOME/.local/bin:$PATH
}

build() {
  mkdir -p dist
  date >dist/built.txt
  baton persist dist
}

deploy() {
  baton attach latest --at out
  cat out/dist/built.txt
}

case ${1:-} in
  build | deploy)
    install_baton
    "$1"
    ;;
  *)
    printf 'usage: %s build|deploy\n' "$0" >&2
    exit 2
    ;;
esac
