// The Topology workspace shows endpoints, domains, mappings and reserved regions at the cursor's
// time, or a VIOT table from a file, as a picture and as a table that can be searched and sorted.
//
// Threading: the main thread.
#pragma once

#include "gui/kit/workspace.hpp"

namespace violet::gui {

class Session;

// A VIOT file can be opened with its button or dropped on it; its slot openViot(QString) takes a path.
Workspace* make_topology(Session& session, QWidget* parent = nullptr);

}  // namespace violet::gui
