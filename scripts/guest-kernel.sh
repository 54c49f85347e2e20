#!/bin/bash
# Builds what a guest consists of, for ./violet guest: a kernel from Debian's source package, some minutes on
# two cores, and the tools that it runs. Debian's own kernels have CONFIG_VIRTIO_IOMMU off.
#
# usage: scripts/guest-kernel.sh [6.12|6.1]
#
# The result lies in VIOLET_GUEST_CACHE or ~/.cache/violet/guest: bzImage-VERSION, with bzImage pointing to it, and
# tools/, the beginnings of the guest's root: the kernel's own dma_map_benchmark, and fio and iperf3 with their
# libraries where they are installed. Nothing is built again while source package and configuration are the same.
set -euo pipefail
unset CDPATH

version=${1:-6.12}
here=$(cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
fragment=$here/../experiments/linux_guest/kernel.config
source=/usr/src/linux-source-$version.tar.xz
cache=${VIOLET_GUEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/violet/guest}
kernel=$cache/bzImage-$version
stamp=$cache/.built-$version
tools=$cache/tools
# Objects of a build with this configuration, about; only for the progress.
declare -A objects=([6.12]=2150 [6.1]=2000)

say() { printf 'guest-kernel: %s\n' "$*" >&2; }
die() {
  say "$@"
  exit 5
}

need() {
  local missing=() tool
  [[ -n ${objects[$version]:-} ]] || { say "a version is 6.12 or 6.1, not $version"; exit 2; }
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

# Follows the build's log: objects so far, and the minutes that the rest may take.
show_progress() {
  local began=$SECONDS done=0 all=${objects[$version]} left
  while sleep 10; do
    done=$(grep -c '^  \(CC\|AS\|AR\|LD\)' "$cache/build.log" || true)
    ((done > 50)) || continue
    left=$(((SECONDS - began) * (all > done ? all - done : 0) / done))
    say "$done of about $all objects, $((left / 60)) min $((left % 60)) s left"
  done
}

compile() {
  local watcher ok=0
  say "compiling; its log is $cache/build.log"
  show_progress &
  watcher=$!
  make -j"${VIOLET_JOBS:-$(nproc)}" bzImage >"$cache/build.log" 2>&1 || ok=1
  kill "$watcher" 2>/dev/null || true
  wait "$watcher" 2>/dev/null || true
  ((ok == 0)) || die "see $cache/build.log"
}

folder=
clean() {
  [[ -z $folder ]] || rm -rf -- "$folder"
}

build_kernel() {
  local identity
  identity=$(sha256sum <(stat -c '%s %Y' "$source") "$fragment" | cut -d' ' -f1 | sha256sum)
  if [[ -r $kernel && -r $stamp && $(<"$stamp") == "$identity" ]]; then
    say "$kernel is up to date"
    return
  fi
  folder=$(mktemp -d "$cache/build-XXXXXX")
  say "unpacking $source"
  tar -xf "$source" -C "$folder" --strip-components=1
  (
    cd "$folder"
    configure
    compile
  )
  cp "$folder/arch/x86/boot/bzImage" "$kernel"
  printf '%s\n' "$identity" >"$stamp"
  say "built $kernel"
}

# A program with what the loader needs, at the places where it looks for it.
copy_with_libraries() {
  local program=$1 file
  install -D "$program" "$tools/bin/$(basename "$program")"
  while IFS= read -r file; do
    install -D "$file" "$tools$file"
  done < <(ldd "$program" | grep -o '/[^ ]*')
}

build_tools() {
  local unpacked program
  [[ -x $tools/bin/dma_map_benchmark ]] || {
    say "the kernel's dma_map_benchmark"
    folder=${folder:-$(mktemp -d "$cache/build-XXXXXX")}
    unpacked=$folder
    [[ -r $unpacked/include/linux/map_benchmark.h ]] ||
      tar -xf "$source" -C "$unpacked" --strip-components=1 --wildcards \
        '*/include/linux/map_benchmark.h' '*/tools/testing/selftests/dma/dma_map_benchmark.c'
    # Its header is the kernel's own, which no package installs.
    mkdir -p "$unpacked/violet-include/linux" "$tools/bin"
    cp "$unpacked/include/linux/map_benchmark.h" "$unpacked/violet-include/linux/"
    gcc -O2 -static -I "$unpacked/violet-include" -o "$tools/bin/dma_map_benchmark" \
      "$unpacked/tools/testing/selftests/dma/dma_map_benchmark.c"
  }
  for program in fio iperf3; do
    if program=$(command -v "$program"); then copy_with_libraries "$program"; fi
  done
  say "tools: $(cd "$tools/bin" && echo *)"
}

main() {
  need
  mkdir -p "$cache"
  trap clean EXIT
  build_kernel
  build_tools
  # The default is 6.12, or what there is.
  [[ $version != 6.12 && -e $cache/bzImage ]] || ln -sfn "bzImage-$version" "$cache/bzImage"
}

main
