#!/bin/bash
# Proves the README on a bare Debian: debootstraps one into DIR, clones this checkout into it, and
# types nothing there but launcher verbs.
#
#   scripts/clean-root.sh [--suite NAME] [--mirror URL] [--reuse] DIR ["VERB ARGUMENTS"...]
#
# The suite is bookworm (Debian 12) unless told otherwise: trixie is Debian 13. Without verbs: "demo" and "test".
# DIR must not exist yet, or be an earlier root of this script (which is replaced; --reuse keeps its packages and
# only takes a new clone). Only commits are cloned. The root gets this machine's apt configuration, so it reaches
# the packages wherever this machine does. Needs root and debootstrap; everything is mounted in a mount namespace of
# its own and is gone, with whatever still runs, when the script ends in whatever way.
set -euo pipefail

suite=bookworm
marker=.violet-clean-root
say() { printf 'clean-root: %s\n' "$*" >&2; }
die() {
  say "$2"
  exit "$1"
}

usage() {
  sed -n '2,14s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
}

require_host() {
  ((EUID == 0)) || die 5 "needs root: debootstrap, mounts and chroot do"
  local tool
  for tool in debootstrap unshare git; do
    command -v "$tool" >/dev/null || die 5 "needs $tool: apt-get install debootstrap util-linux git"
  done
}

# The suite of this machine's own packages.
suite_of_host() { (. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}"); }

# The first of Debian's repositories that apt has for the suite's main component, or else for that of this machine's own.
mirror_of_host() {
  apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)' 'Identifier: Packages' |
    awk -v suite="$suite" -v own="$(suite_of_host)" '$3 == "main" && $4 == "Debian" {
      if ($2 == suite && !exact) exact = $1
      if ($2 == own && !other) other = $1
    }
    END { print exact ? exact : other }'
}

proxy_of_host() {
  local http_proxy_of_apt=
  eval "$(apt-config shell http_proxy_of_apt Acquire::http::Proxy)"
  [[ $http_proxy_of_apt == http* ]] && printf '%s' "$http_proxy_of_apt"
  return 0
}

bootstrap() {
  local dir=$1 mirror=$2 proxy include=()
  [[ -n $mirror ]] || mirror=$(mirror_of_host)
  [[ -n $mirror ]] || die 5 "apt here has no $suite; give --mirror URL"
  [[ $mirror == https* ]] && include=(--include=ca-certificates)
  proxy=$(proxy_of_host)
  [[ -n $proxy ]] && export http_proxy=$proxy
  say "debootstrap $suite into $dir"
  mkdir -p -- "$dir"
  touch -- "$dir/$marker"
  debootstrap --variant=minbase "${include[@]}" "$suite" "$dir" "$mirror" >"$dir/$marker" 2>&1 ||
    { tail -n 20 "$dir/$marker" >&2 && die 1 "debootstrap failed; its whole output is in $dir/$marker"; }
  unset http_proxy
  copy_apt_configuration "$dir"
}

# In Debian's sources, with -updates and -security; others (cloud-tools-bookworm, for example) stay as they are.
rename_suite() {
  find "$1" \( -name '*.list' -o -name '*.sources' \) \
    -exec sed -i -E "s/(^|[[:space:]])$(suite_of_host)\\>/\\1$suite/g" {} +
}

# Sources, proxies, pins, keys and certificates: what makes apt work here makes it work there.
copy_apt_configuration() {
  local dir=$1 path
  if [[ -n $(mirror_of_host) ]]; then
    rm -rf -- "$dir/etc/apt"
    for path in /etc/apt /usr/share/keyrings /usr/local/share/ca-certificates; do
      [[ -d $path ]] && mkdir -p -- "$dir$path" && cp -a -- "$path/." "$dir$path/"
    done
    [[ $suite == "$(suite_of_host)" ]] || rename_suite "$dir/etc/apt"
    if grep -rqs 'https:' /etc/apt/sources.list /etc/apt/sources.list.d /etc/apt/apt.conf.d; then
      mkdir -p -- "$dir/etc/ssl/certs"
      cp -L -- /etc/ssl/certs/ca-certificates.crt "$dir/etc/ssl/certs/" 2>/dev/null || true
    fi
  fi
  cp -L -- /etc/resolv.conf /etc/hosts "$dir/etc/"
}

clone_checkout() {
  local dir=$1 top
  top=$(cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
  [[ -z $(git -C "$top" status --porcelain 2>/dev/null) ]] || say "note: what is not committed is not in the clone"
  rm -rf -- "$dir/root/violet"
  git clone -q --no-hardlinks -- "$top" "$dir/root/violet"
  say "cloned $(git -C "$dir/root/violet" log -1 --format='%h %s')"
}

mount_kernel_folders() {
  local dir=$1
  mount -t proc proc "$dir/proc"
  mount --rbind /dev "$dir/dev"
  mount --rbind /sys "$dir/sys"
  mount -o remount,bind,ro "$dir/sys"
}

run_verb() {
  local dir=$1 line=$2 begin=$SECONDS status=0
  say "in the clean root: ./violet $line"
  # shellcheck disable=SC2016  # Expanded in the root, not here.
  env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 TERM="${TERM:-dumb}" \
    chroot "$dir" /bin/bash -c 'cd /root/violet && exec ./violet $0' "$line" </dev/null || status=$?
  say "./violet $line: exit code $status after $((SECONDS - begin)) s"
  return "$status"
}

inside() {
  local dir=$1 line failed=0
  shift
  mount_kernel_folders "$dir"
  for line in "$@"; do run_verb "$dir" "$line" || failed=1; done
  return "$failed"
}

main() {
  local mirror='' reuse=0 dir
  while (($#)); do
    case $1 in
      --suite) suite=$2 && shift 2 ;;
      --mirror) mirror=$2 && shift 2 ;;
      --reuse) reuse=1 && shift ;;
      -h | --help) usage && exit 0 ;;
      -*) die 2 "unknown option $1" ;;
      *) break ;;
    esac
  done
  (($#)) || { usage >&2 && exit 2; }
  require_host
  dir=$(realpath -m -- "$1")
  shift
  (($#)) || set -- demo test
  [[ ! -e $dir || -e $dir/$marker || -z $(ls -A -- "$dir") ]] || die 2 "$dir is there already and not mine to replace"
  if ((!reuse)) || [[ ! -e $dir/$marker ]]; then
    rm -rf --one-file-system -- "$dir"
    bootstrap "$dir" "$mirror"
  fi
  clone_checkout "$dir"
  exec unshare --mount --propagation private --pid --fork --kill-child --mount-proc \
    "$BASH" "${BASH_SOURCE[0]}" --inside "$dir" "$@"
}

if [[ ${1:-} == --inside ]]; then
  shift
  inside "$@"
else
  main "$@"
fi
