// The list of workspaces names the tabs behind Observe in their order, and makes each when it is
// looked at for the first time.
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
