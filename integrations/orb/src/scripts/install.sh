#!/usr/bin/env bash
# Installs the version PARAM_VERSION of baton, verified by its SHA-256. Does nothing if that version is installed.
# PARAM_BASE_URL, PARAM_SHA256 and PARAM_INSTALL_DIR are optional.
# With PARAM_SHA256, only the binary of the archive with that digest is accepted, whatever version an installed one prints.
# Without it, an installed binary of the right version is trusted, and the archive is compared with SHA256SUMS next to it.
set -euo pipefail

expand() {
  if command -v circleci >/dev/null 2>&1; then circleci env subst "$1"; else printf '%s\n' "$1"; fi
}

fail() {
  printf 'error: %s\n' "$1" >&2
  if [ $# -gt 1 ]; then printf '\nhint: %s\n' "$2" >&2; fi
  exit 1
}

# Downloads a URL to a file. From https, no redirect to another protocol is followed.
fetch() {
  case $1 in
    file://*) cp -- "${1#file://}" "$2" || fail "cannot read $1" ;;
    *)
      if command -v curl >/dev/null 2>&1; then
        local protocols='=https'
        case $1 in http://*) protocols='=http,https' ;; esac
        curl --fail --silent --show-error --location --max-redirs 10 --retry 3 \
          --proto "$protocols" --proto-redir "$protocols" --output "$2" -- "$1" ||
          fail "cannot download $1" "check base_url and version"
      elif command -v wget >/dev/null 2>&1; then
        fetch_with_wget "$1" "$2"
      else
        fail "cannot download $1: neither curl nor wget is installed" "install one of them, or use another image"
      fi
      ;;
  esac
}

# wget cannot restrict the protocols of redirects, so this function follows them one at a time.
fetch_with_wget() {
  local url=$1 left=10 heard=$work/heard next
  while :; do
    if wget --no-verbose --server-response --tries=4 --max-redirect=0 --output-document="$2" -- "$url" 2>"$heard"; then
      return
    fi
    next=$(awk 'tolower($1) == "location:" { print $2 }' "$heard" | tail -n 1 | tr -d '\r')
    left=$((left - 1))
    case $1,$next in
      *,https://*) ;;
      http://*,http://*) ;;
      *,)
        cat -- "$heard" >&2
        fail "cannot download $1" "check base_url and version"
        ;;
      *) fail "cannot download $1: it redirects to $next, which is not allowed" "check base_url" ;;
    esac
    [ "$left" -gt 0 ] || fail "cannot download $1: it redirects more than 10 times" "check base_url"
    url=$next
  done
}

sha256_of() {
  if command -v sha256sum >/dev/null 2>&1; then
    sha256sum -- "$1" | cut -d ' ' -f 1
  elif command -v shasum >/dev/null 2>&1; then
    shasum -a 256 -- "$1" | cut -d ' ' -f 1
  else
    fail "cannot verify the archive: neither sha256sum nor shasum is installed" "install coreutils"
  fi
}

# Prints the version of a binary; nothing if it does not run.
version_of() {
  "$1" --version 2>/dev/null || true
}

# Puts the directory first on the PATH of the later steps.
put_on_path() {
  if [ "$(command -v baton)" = "$install_dir/baton" ]; then return; fi
  PATH=$install_dir:$PATH
  # Later steps source this file, and expand PATH then.
  if [ -n "${BASH_ENV:-}" ]; then
    # shellcheck disable=SC2016
    printf 'export PATH=%q:"$PATH"\n' "$install_dir" >>"$BASH_ENV"
  else
    printf 'put %s on the PATH\n' "$install_dir"
  fi
}

version=$(expand "$PARAM_VERSION")
base_url=$(expand "${PARAM_BASE_URL:-https://github.com/baton-ci/baton/releases/download}")
home=${HOME:-$(cd ~ && pwd)}
install_dir=$(expand "${PARAM_INSTALL_DIR:-$home/.local/bin}")
# Without CircleCI's command, no tool has expanded it.
case $install_dir in
  '~') install_dir=$home ;;
  '~'/*) install_dir=$home/${install_dir#??} ;;
  "\$HOME"/*) install_dir=$home/${install_dir#"\$HOME"/} ;;
  "\${HOME}"/*) install_dir=$home/${install_dir#"\${HOME}"/} ;;
esac
# Anything unexpanded would become the name of a directory.
case $install_dir in
  '~'* | */'~' | */'~'/* | *"\$"[A-Za-z_]* | *"\${"*)
    fail "install_dir is $install_dir, and part of it is not expanded" "write the whole path"
    ;;
  /*) ;;
  *) install_dir=$PWD/$install_dir ;;
esac

wanted=$(printf '%s' "${PARAM_SHA256:-}" | tr 'A-F' 'a-f')
candidates=("$(command -v baton || true)" "$install_dir/baton")

# Ends the script with an installed binary that is accepted.
serve() {
  printf 'baton %s is already installed: %s\n' "$version" "$1"
  if [ "$1" = "$install_dir/baton" ]; then put_on_path; fi
  exit 0
}

if [ -z "$wanted" ]; then
  for found in "${candidates[@]}"; do
    if [ -x "$found" ] && [ "$(version_of "$found")" = "baton $version" ]; then serve "$found"; fi
  done
fi

case $(uname -s)-$(uname -m) in
  Linux-x86_64) target=x86_64-unknown-linux-musl ;;
  Linux-aarch64 | Linux-arm64) target=aarch64-unknown-linux-musl ;;
  *)
    fail "there is no binary of baton for $(uname -s) on $(uname -m)" \
      "build it with 'cargo install --locked --path host/cli', and put it on the PATH before this step"
    ;;
esac

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
archive=baton-$version-$target.tar.gz
# An archive that an earlier run verified is kept, so that a job downloads a pinned archive once.
kept=$install_dir/.$archive
if [ -n "$wanted" ] && [ -f "$kept" ] && cp -- "$kept" "$work/$archive" 2>/dev/null &&
  [ "$(sha256_of "$work/$archive")" = "$wanted" ]; then
  actual=$wanted
else
  fetch "${base_url%/}/v$version/$archive" "$work/$archive"
  actual=$(sha256_of "$work/$archive")
fi
pinned=$wanted
if [ -z "$wanted" ]; then
  fetch "${base_url%/}/v$version/SHA256SUMS" "$work/SHA256SUMS"
  wanted=$(awk -v name="$archive" '$2 == name || $2 == "*" name { print $1 }' "$work/SHA256SUMS")
  [ -n "$wanted" ] || fail "SHA256SUMS does not name $archive" "check base_url and version"
fi
if [ "$actual" != "$wanted" ]; then
  fail "$archive has the wrong SHA-256: expected $wanted, found $actual" \
    "do not run it; check base_url and sha256"
fi
tar -xzf "$work/$archive" -C "$work"
binary=$work/baton-$version-$target/baton
# An installed binary is accepted if it equals the verified one, byte for byte.
for found in "${candidates[@]}"; do
  if [ -n "$pinned" ] && [ -x "$found" ] && cmp -s -- "$binary" "$found"; then serve "$found"; fi
done
# The new binary must run before it replaces one that works.
found=$(version_of "$binary")
[ -n "$found" ] || fail "the baton of $archive does not run on this machine" "check sha256, and that $work allows programs"
[ "$found" = "baton $version" ] || fail "$archive has $found in it, not version $version" "check base_url and version"

as_root=()
if ! mkdir -p -- "$install_dir" 2>/dev/null || [ ! -w "$install_dir" ]; then
  command -v sudo >/dev/null 2>&1 ||
    fail "cannot write to $install_dir, and sudo is not installed" "set install_dir to another directory"
  as_root=(sudo)
  sudo mkdir -p -- "$install_dir"
fi
# Renamed atomically: another job of this machine may be starting the old one.
${as_root[@]+"${as_root[@]}"} install -m 755 -- "$binary" "$install_dir/.baton.$$"
${as_root[@]+"${as_root[@]}"} mv -f -- "$install_dir/.baton.$$" "$install_dir/baton"
if [ -n "$pinned" ]; then
  ${as_root[@]+"${as_root[@]}"} install -m 644 -- "$work/$archive" "$install_dir/.baton-archive.$$"
  ${as_root[@]+"${as_root[@]}"} mv -f -- "$install_dir/.baton-archive.$$" "$kept"
fi
put_on_path
printf 'installed %s: %s/baton\n' "$found" "$install_dir"
