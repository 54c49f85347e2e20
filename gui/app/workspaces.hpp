// The workspaces behind Observe, in the order of their tabs. Each is made when it is looked at for
// the first time.
//
// Threading: the main thread.
#pragma once

#include <QString>
#include <functional>
#include <vector>

namespace violet::gui {

class Session;
class Workspace;

struct WorkspaceMaker {
  QString name;
  std::function<Workspace*(Session&)> make;
};
const std::vector<WorkspaceMaker>& other_workspaces();

}  // namespace violet::gui
