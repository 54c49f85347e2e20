# ./violet test [--quick] [CTEST ARGUMENTS]. Sourced by ../violet after bootstrap.sh.
#
# Builds every preset, gathers their tests under one roof (ci/gather.py writes a ctest folder whose
# tests are named <preset>.<test>, with one build.<preset> each), and runs ctest once, so that its
# closing summary covers all of it. A build that fails is a failed test; the others still run.

quick_presets=(dev)
full_presets=(release asan tsan)

test_help() {
  cat <<'TEXT'
usage: ./violet test [--quick [--again]] [--guest] [CTEST ARGUMENTS]

  --guest            first what real guests need: packages, and kernels that take some minutes to build once
  --quick            the inner loop: format, layers and unit tests of the dev build, where long random ones do a fifth,
                     and what passed before and is the same byte for byte is not run; --again: run that as well
  -R REGEX, -L LABEL, -j N, --rerun-failed ... go to ctest
                     labels: style unit lcore hostile fuzz guest bench slow arm64 notebooks build

The full run builds release, asan (tests and fuzzers under ASan and UBSan) and tsan (what starts threads),
some minutes of two processors the first time (ci/build_times.py). VIOLET_FUZZ_SECONDS (default 5) bounds each fuzzer.
TEXT
}

# build_presets TARGET PRESET...
build_presets() {
  local preset target=$1 groups=(core gui test)
  shift
  lock_builds
  ensure_packages "${groups[@]}"
  require_space $(($# > 1 ? 3000 : 1000))
  for preset in "$@"; do
    if [[ $preset == release ]]; then stamped_release_build -k 0; else build "$preset" -k 0 "$target"; fi ||
      say "$preset does not build; its test build.$preset will say so again"
  done
  unlock_builds
}

# The reasons of skipped tests go above ctest's summary, which stays the last thing printed.
with_skip_reasons() {
  local line
  while IFS= read -r line; do
    [[ $line == *' tests passed, '*' out of '* ]] && /usr/bin/python3 "$root/ci/skips.py" "$1"
    printf '%s\n' "$line"
  done
}

run_tests() {
  local quick=0 again=0 guest=0 roof=$build_root/test target=all presets args=() status known=()
  while (($#)); do
    case $1 in
      --quick) quick=1 ;;
      --again) again=1 ;;
      --guest) guest=1 ;;
      -h | --help) test_help && return 0 ;;
      *) args+=("$1") ;;
    esac
    shift
  done
  require_writable
  ((again && !quick)) && die 2 "--again goes with --quick: a full run runs everything"
  presets=("${full_presets[@]}")
  ((quick)) && presets=("${quick_presets[@]}") target=quick
  exec 8>>"$build_root/.test-lock" || die 5 "cannot write $build_root/.test-lock"
  flock -n 8 || { say "another ./violet test is running here; waiting for it" && flock 8; }
  ((guest == 0)) || { ensure_packages guest && build_guests; }
  build_presets "$target" "${presets[@]}"
  reserve_hugepages
  if ((quick)); then
    export VIOLET_TEST_EFFORT=20
    args=(-L 'unit|style|build' "${args[@]}")
    # Who names tests wants them run.
    [[ $again == 1 || " ${args[*]} " == *' '-R* || " ${args[*]} " == *' --'* ]] || known=(--known "$build_root/passed")
  else
    unset VIOLET_TEST_EFFORT
  fi
  /usr/bin/python3 "$root/ci/gather.py" "${known[@]}" "$roof" "${presets[@]/#/$build_root/}" || die 1 "cannot gather the tests"
  ctest --test-dir "$roof" -j "$(jobs)" --output-on-failure --no-tests=error "${args[@]}" \
    </dev/null 8>&- | with_skip_reasons "$roof"
  status=${PIPESTATUS[0]}
  ((status == 0)) || exit 1
}
