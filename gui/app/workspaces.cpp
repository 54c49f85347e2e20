#include "gui/app/workspaces.hpp"

#include <QObject>

#include "gui/compare/compare_workspace.hpp"
#include "gui/experiment/experiment_workspace.hpp"
#include "gui/explain/explain_workspace.hpp"
#include "gui/topology/topology_workspace.hpp"

namespace violet::gui {

const std::vector<WorkspaceMaker>& other_workspaces() {
  static const std::vector<WorkspaceMaker> makers{
      {QObject::tr("Compare"), [](Session& session) { return make_compare(session); }},
      {QObject::tr("Topology"), [](Session& session) { return make_topology(session); }},
      {QObject::tr("Explain"), [](Session& session) { return make_explain(&session, nullptr); }},
      {QObject::tr("Experiment"), [](Session& session) { return make_experiment(session); }},
  };
  return makers;
}

}  // namespace violet::gui
