// A fake program stands in for `violet`, as a shell script, in tests of what starts it.
//
// Threading: tests only.
#pragma once

#include <QFile>
#include <QString>
#include <QTemporaryDir>

#include "gui/experiment/plan_places.hpp"

namespace violet::gui {

// `run FILE --dry-run ...` checks: a plan with the word "wrong" has a problem, and with the word "late" a file `began`
// is made beside the script and the verdict waits for a file `go` there. `run FILE --progress=json`
// measures two steps in `directory`; the second one lasts until SIGINT when the plan has the word "long".
// A plan with the word "unexpected" is measured, and a must of it fails.
// A plan with the word "another" has the hash c0ffee00, one with --set run.repetitions=3 has three, others have 0badcafe.
inline QString fakeProgram(const QTemporaryDir& folder, const QString& directory) {
  const QString path = folder.filePath("violet-fake");
  QFile file(path);
  if (!file.open(QIODevice::WriteOnly)) return {};
  file.write(QStringLiteral(R"sh(#!/bin/bash
plan=$2
case "$*" in
*--dry-run*)
  if grep -q late "$plan"; then
    here=${0%/*}
    touch "$here/began"
    until [ -e "$here/go" ]; do read -t 0.01 <> <(:); done
  fi
  if grep -q broken "$plan"; then echo "violet: something else broke" >&2; exit 1; fi
  if grep -q wrong "$plan"; then
    echo '{"schema":"violet.dry_run","version":1,"problems":[{"where":"x:3:5","line":3,"column":5,"message":"key wrong: did you mean right?"},{"where":"","line":null,"column":null,"message":"no place"}]}'
    exit 2
  fi
  hash=0badcafe
  repetitions=2
  if grep -q another "$plan"; then hash=c0ffee00; fi
  case "$*" in *"--set run.repetitions=3"*) hash=5e75e75e; repetitions=3 ;; esac
  echo '{"schema":"violet.dry_run","version":1,"problems":[],"plan":{"name":"t","hash":"'$hash'"},"repetitions":'$repetitions',"estimated_s":7.5,"cells":[{"id":"strict.net-rx.sidecore","label":"strategy=strict"},{"id":"off.net-rx.sidecore","label":"strategy=off"}],"notes":[]}'
  exit 0 ;;
esac
say() { echo "{\"schema\":\"violet.progress\",\"version\":1,\"event\":\"$1\",\"finished\":$2,\"steps\":2,\"share\":$3,\"remaining_s\":9$4}" >&2; }
if grep -q fails "$plan"; then echo "violet: no memory left" >&2; exit 1; fi
if grep -q environment "$plan"; then echo "violet: needs two CPUs" >&2; exit 5; fi
signals=0
trap 'signals=$((signals + 1))' INT
say start 0 0 ',"directory":"%1"'
case "$*" in *--resume*) say note 0 0 ',"text":"resumed"' ;; esac
say step 0 0 ',"cell":"strict.net-rx.sidecore","repetition":0'
say done 1 0.5 ',"cell":"strict.net-rx.sidecore","repetition":0'
say step 1 0.5 ',"cell":"off.net-rx.sidecore","repetition":0'
if grep -q long "$plan"; then
  while [ $signals -lt 1 ]; do read -t 0.05 <> <(:); done
  exit 4
fi
say done 2 1 ',"cell":"off.net-rx.sidecore","repetition":0'
say finish 2 1 ',"text":"finished: %1"'
if grep -q unexpected "$plan"; then echo "violet: a must failed: strict is free" >&2; exit 3; fi
)sh")
                 .arg(directory)
                 .toUtf8());
  file.close();
  file.setPermissions(QFile::ReadOwner | QFile::WriteOwner | QFile::ExeOwner);
  return path;
}

inline PlanPlaces fakePlaces(const QTemporaryDir& folder, const QString& directory) {
  PlanPlaces places;
  places.program = fakeProgram(folder, directory);
  places.root = folder.path();
  places.bundled = folder.filePath("bundled");
  places.saved = folder.filePath("saved");
  places.runs = folder.filePath("runs");
  return places;
}

}  // namespace violet::gui
