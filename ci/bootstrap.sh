# From a bare Debian to a built program: packages, configure, build. Sourced by ../violet, which
# defines root, build_root, release, program, stamp, verbs, say and die. All talk goes to stderr.

trap 'exit 130' INT
trap 'exit 143' TERM

on_terminal() { [[ -t 2 && ${TERM:-dumb} != dumb && -z ${NO_COLOR:-} ]]; }

# One line of progress: rewritten in place on a terminal, printed at most every ten seconds elsewhere.
progress_shown=-10
progress() {
  if on_terminal; then
    printf '\r\033[Kviolet: %s' "$*" >&2
  elif ((SECONDS >= progress_shown + 10)); then
    progress_shown=$SECONDS
    say "$@"
  fi
}
progress_end() { if on_terminal; then printf '\r\033[K' >&2; fi; }

# ---- the place to build in

require_writable() {
  if mkdir -p -- "$build_root" 2>/dev/null && [[ -w $build_root ]]; then return; fi
  die 5 "cannot write to $build_root (read-only checkout, or not yours);" \
    "set VIOLET_BUILD_DIR to a folder you can write to"
}

free_mib() { df --output=avail -BM -- "$build_root" 2>/dev/null | tr -dc '0-9\n' | tail -n 1; }

require_space() {
  local need=$1 free
  free=$(free_mib)
  [[ -z $free ]] || ((free >= need)) ||
    die 5 "$build_root has $free MiB free and this build needs about $need MiB; make room or set VIOLET_BUILD_DIR"
}

# One launcher builds at a time. The lock is inherited by ninja on purpose: should this script be
# killed, the next launcher waits until the orphan is done.
lock_builds() {
  exec 9>>"$build_root/.lock" || die 5 "cannot write $build_root/.lock"
  flock -n 9 && return
  say "another ./violet is building here; waiting for it"
  flock 9
}
unlock_builds() { exec 9>&-; }

# ---- packages

# The releases that ci/packages.txt tells apart, the newest last.
releases=(bookworm trixie)

# Which of them this system is; the newest where it is none of them.
release_here() {
  local codename
  codename=$(. /etc/os-release 2>/dev/null && printf '%s' "${VERSION_CODENAME:-}")
  [[ " ${releases[*]} " == *" $codename "* ]] || codename=${releases[-1]}
  printf '%s' "$codename"
}

packages_of() {
  local group name other here
  here=$(release_here)
  while read -r group name other; do
    [[ $group != *:* || ${group#*:} == "$here" ]] || continue
    [[ " $* " == *" ${group%:*} "* ]] || continue
    [[ -n $other ]] && command -v "$other" >/dev/null && continue
    printf '%s\n' "$name"
  done < <(grep -v '^#' "$root/ci/packages.txt")
}

missing_packages() {
  local wanted
  wanted=$(packages_of "$@" | sort -u)
  [[ -n $wanted ]] || return 0
  # ${Provides} as well, for a package that another one stands in for.
  comm -23 <(printf '%s\n' "$wanted") <(
    dpkg-query -W -f '${db:Status-Status} ${Package}, ${Provides}\n' 2>/dev/null |
      sed -n 's/^installed //p' | sed 's/([^)]*)//g' | tr -d ' ' | tr ',' '\n' | sort -u
  )
}

# apt tells its progress on descriptor 3 as kind:package:percent:text.
apt_quietly() {
  local log=$build_root/packages.log status kind percent text
  DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get -o APT::Status-Fd=3 -o Dpkg::Use-Pty=0 \
    -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 "$@" 3>&1 >>"$log" 2>&1 </dev/null 9>&- |
    while IFS=: read -r kind _ percent text; do progress "packages: ${percent%.*} % ${text:0:60}"; done
  status=${PIPESTATUS[0]}
  progress_end
  return "$status"
}

install_packages() {
  local log=$build_root/packages.log
  : >"$log"
  say "installing $# packages and what they need: $*"
  require_space 2500
  apt_quietly update || say "apt-get update failed; trying with the package lists that are here"
  apt_quietly install -y --no-install-recommends "$@" && return
  tail -n 15 -- "$log" >&2
  die 5 "installing packages failed; the whole log is in $log"
}

ensure_packages() {
  local missing
  command -v dpkg-query >/dev/null ||
    die 5 "Violet needs Debian 12, 13 or a system like them; the libraries it uses are listed in ci/packages.txt"
  mapfile -t missing < <(missing_packages "$@")
  ((${#missing[@]})) || return 0
  if [[ $EUID == 0 && ${VIOLET_NO_INSTALL:-0} == 0 ]]; then
    install_packages "${missing[@]}"
    return
  fi
  say "${#missing[@]} packages are missing; install them with this command, then run me again:"
  printf "sudo sh -c 'apt-get update && apt-get install -y --no-install-recommends %s'\n" "${missing[*]}" >&2
  exit 5
}

# ---- configure and build

# The build sees this system and nothing of the caller's toolchain settings. Paths are cached relative
# to the checkout.
clean_env() {
  local cache=${CCACHE_DIR:-${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/ccache}
  mkdir -p -- "$cache" 2>/dev/null && [[ -w $cache ]] || export CCACHE_DISABLE=1
  CCACHE_BASEDIR=$root CCACHE_NOHASHDIR=1 CCACHE_SLOPPINESS=pch_defines,time_macros env -u CC -u CXX -u CPP -u CFLAGS -u CXXFLAGS -u CPPFLAGS -u LDFLAGS -u CPATH -u CPLUS_INCLUDE_PATH \
    -u C_INCLUDE_PATH -u LIBRARY_PATH -u PKG_CONFIG_PATH -u PKG_CONFIG_LIBDIR -u CMAKE_PREFIX_PATH \
    -u CMAKE_GENERATOR -u PYTHONHOME -u PYTHONPATH LC_ALL=C.UTF-8 "$@"
}

# By processors, and 1 GiB for each job: a compiler that swaps is slower than one that waits.
jobs() {
  local cores available=$((1 << 30)) key value _
  cores=$(nproc)
  while read -r key value _; do [[ $key == MemAvailable: ]] && available=$value; done </proc/meminfo
  local fit=$((available / 1048576))
  ((fit < 1)) && fit=1
  echo "${VIOLET_JOBS:-$((cores < fit ? cores : fit))}"
}

# All but the stamps of the build that goes on.
empty_build() { find "$1" -mindepth 1 -maxdepth 1 ! -name '.built-*' -exec rm -rf -- {} +; }

configure() {
  local preset=$1 dir=$build_root/$1 home compiler attempt
  home=$(sed -n 's/^CMAKE_HOME_DIRECTORY:INTERNAL=//p' "$dir/CMakeCache.txt" 2>/dev/null)
  # A checkout that was moved or copied: nothing in there is valid.
  [[ -n $home && $home != "$root" ]] && empty_build "$dir"
  # A compiler that is gone, or a preset that changed it: CMake would start again and forget the preset's variables.
  compiler=$(sed -n 's/^CMAKE_CXX_COMPILER:[A-Z]*=//p' "$dir/CMakeCache.txt" 2>/dev/null)
  [[ -n $compiler ]] && { [[ $preset == asan && $compiler != *clang* ]] || ! command -v "$compiler" >/dev/null; } &&
    empty_build "$dir"
  # Qt may have come after the build was configured.
  wants_gui && [[ $preset == @(dev|release) ]] &&
    grep -q '^VIOLET_HAS_QT:INTERNAL=OFF' "$dir/CMakeCache.txt" 2>/dev/null && rm -f -- "$dir/build.ninja"
  [[ -f $dir/build.ninja && ! $root/CMakePresets.json -nt $dir/build.ninja ]] && return
  progress "configuring $preset"
  mkdir -p -- "$dir" 2>/dev/null || die 5 "cannot create $dir; is the disk full?"
  for attempt in 1 2; do
    clean_env cmake --preset "$preset" -S "$root" -B "$dir" >"$dir/configure.log" 2>&1 </dev/null && return
    # A configure that was interrupted can leave a cache that no later one accepts.
    ((attempt == 1)) && rm -rf -- "$dir/CMakeCache.txt" "$dir/CMakeFiles"
  done
  progress_end
  tail -n 20 -- "$dir/configure.log" >&2
  out_of_space && die 5 "no space left in $build_root"
  say "configuring $preset failed; the whole log is in $dir/configure.log"
  return 1
}

wants_gui() { [[ " ${groups[*]:-} " == *" gui "* ]]; }

out_of_space() {
  local free
  free=$(free_mib)
  [[ -n $free ]] && ((free < 20))
}

# Shows ninja's lines as progress with an estimate of what is left, and everything else as it is.
watch_ninja() {
  local preset=$1 line begin=$SECONDS
  while IFS= read -r line; do
    if [[ $line =~ ^\[([0-9]+)/([0-9]+)\]\  ]]; then
      local done=${BASH_REMATCH[1]} all=${BASH_REMATCH[2]}
      local left=$(((SECONDS - begin) * (all - done) / (done ? done : 1)))
      progress "building $preset: $done of $all, about $left s left"
    elif [[ -n $line && $line != 'ninja: '@(no work to do.|Entering directory*) ]]; then
      progress_end
      printf '%s\n' "$line" >&2
    fi
  done
  progress_end
}

# Precompiled headers of which a header of the system was replaced: a package's files are as old as the package, so that
# ninja does not see it, and clang refuses what was compiled before.
forget_stale_headers() {
  local dir=$build_root/$1 header replaced
  for header in "$dir"/CMakeFiles/*/cmake_pch.hxx.?ch; do
    [[ -f $header ]] || continue
    replaced=$(cd -- "$dir" && ninja -t deps "${header#"$dir/"}" 2>/dev/null | sed -n 's/^ \+//p' |
      xargs -r -d '\n' sh -c 'find "$@" -cnewer "$0" -print -quit' "$header" 2>/dev/null)
    [[ -z $replaced ]] || rm -f -- "$header"
  done
}

# build PRESET [NINJA ARGUMENTS]: 0 when all was built; ninja's own messages have been shown otherwise.
build() {
  local preset=$1 status begin=$SECONDS
  shift
  configure "$preset" || return 1
  forget_stale_headers "$preset"
  shopt -s extglob
  NINJA_STATUS='[%f/%t] ' clean_env ninja -C "$build_root/$preset" -j "$(jobs)" "$@" 2>&1 </dev/null |
    watch_ninja "$preset"
  status=${PIPESTATUS[0]}
  ((SECONDS - begin >= 5)) && say "$preset: $((SECONDS - begin)) s of building"
  ((status == 0)) && return
  out_of_space && die 5 "no space left in $build_root"
  return 1
}

# The stamp carries the time at which the build began, less a second for coarse file clocks, and the
# place: a copied build folder is not this one.
stamped_release_build() {
  local fresh=$release/.built-from.new
  mkdir -p -- "$release"
  # ninja goes by modification times alone: what was replaced by an older file has to look new.
  [[ -f $stamp ]] && (cd -- "$root" && find "${inputs[@]}" -type f -cnewer "$stamp" ! -newer "$stamp" \
    -exec touch -c -- {} + 2>/dev/null)
  rm -f -- "$stamp"
  { printf '%s\n' "$root" >"$fresh" && touch -d '1 second ago' -- "$fresh"; } 2>/dev/null ||
    die 5 "cannot write $fresh; is the disk full?"
  package_versions >"$stamp-packages"
  build release "$@" || return 1
  [[ -x $program ]] && mv -f -- "$fresh" "$stamp"
  return 0
}

build_program() {
  local groups=(core) targets=(violet)
  [[ $1 == gui ]] && groups=(core gui) && targets=(violet violet_gui)
  [[ " ${verbs[*]} " == *" $1 "* || $1 == -* ]] ||
    die 2 "there is no verb '$1'; try one of: ${verbs[*]}"
  (cd -- "$root" && compgen -G "experiments/*/violet_main.cpp" >/dev/null) ||
    die 5 "this checkout has no program yet: experiments/*/violet_main.cpp is missing"
  require_writable
  lock_builds
  if ! is_current; then
    ensure_packages "${groups[@]}"
    [[ -x $program ]] || require_space 500
    [[ -x $program ]] || say "building Violet for the first time; later starts take milliseconds"
    stamped_release_build "${targets[@]}" || die 1 "the build failed; the messages are above"
  fi
  unlock_builds
}

# The kernels of real guests, some minutes each the first time: of the sources that this release has.
build_guests() {
  local version
  for version in $(packages_of guest | sed -n 's/^linux-source-//p'); do
    "$root/scripts/guest-kernel.sh" "$version" || die 5 "no guest's kernel $version; the messages are above"
  done
}

setup() {
  local groups=(core)
  case ${1:-} in
    '') ;;
    --all) groups=(core gui test extra figures) ;;
    --guest) groups=(core guest) ;;
    --figures) groups=(core figures) ;;
    *) die 2 "setup takes --all, --guest, --figures or nothing, not '$1'" ;;
  esac
  require_writable
  lock_builds
  ensure_packages "${groups[@]}"
  stamped_release_build || die 1 "the build failed; the messages are above"
  unlock_builds
  [[ ${1:-} != --guest ]] || build_guests
  say "ready: ./violet demo"
}
