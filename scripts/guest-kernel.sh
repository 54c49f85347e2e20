#!/bin/bash
# Builds the guest's kernel from Debian's source package, for ./violet guest: some minutes on two cores.
# Debian's own kernels have CONFIG_VIRTIO_IOMMU off.
#
# usage: scripts/guest-kernel.sh [6.12|6.1]
#
# The result lies in VIOLET_GUEST_CACHE or ~/.cache/violet/guest, as bzImage-VERSION with bzImage pointing
# to it; nothing is built again while source package and configuration are the same.
set -euo pipefail
unset CDPATH

version=${1:-6.12}
here=$(cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
fragment=$here/../experiments/linux_guest/kernel.config
source=/usr/src/linux-source-$version.tar.xz
cache=${VIOLET_GUEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/violet/guest}
kernel=$cache/bzImage-$version
stamp=$cache/.built-$version

say() { printf 'guest-kernel: %s\n' "$*" >&2; }
die() {
  say "$@"
  exit 5
}

need() {
  local missing=() tool
  for tool in flex bison bc xz gcc make; do
    command -v "$tool" >/dev/null || missing+=("$tool")
  done
  [[ -r $source ]] || missing+=("linux-source-$version")
  ((${#missing[@]} == 0)) || die "missing: ${missing[*]}; as root: apt install flex bison bc xz-utils" \
    "build-essential linux-source-$version"
}

# Fails when the configuration that came out lacks an option that the fragment asks for.
configure() {
  local wish
  make -s tinyconfig
  scripts/kconfig/merge_config.sh -m .config "$fragment" >/dev/null
  make -s olddefconfig
  while IFS= read -r wish; do
    grep -qxF -- "$wish" .config || die "the kernel's configuration came out without $wish"
  done < <(grep -E '^CONFIG_[A-Z0-9_]+=y$' "$fragment")
}

folder=
clean() {
  [[ -z $folder ]] || rm -rf -- "$folder"
}

main() {
  local identity
  need
  identity=$(sha256sum <(stat -c '%s %Y' "$source") "$fragment" | cut -d' ' -f1 | sha256sum)
  if [[ -r $kernel && -r $stamp && $(<"$stamp") == "$identity" ]]; then
    say "$kernel is up to date"
  else
    mkdir -p "$cache"
    folder=$(mktemp -d "$cache/build-XXXXXX")
    trap clean EXIT
    say "unpacking $source"
    tar -xf "$source" -C "$folder" --strip-components=1
    cd "$folder"
    configure
    say "compiling; its log is $cache/build.log"
    make -j"${VIOLET_JOBS:-$(nproc)}" bzImage >"$cache/build.log" 2>&1 || die "see $cache/build.log"
    cp arch/x86/boot/bzImage "$kernel"
    printf '%s\n' "$identity" >"$stamp"
    say "built $kernel"
  fi
  ln -sfn "bzImage-$version" "$cache/bzImage"
}

main
