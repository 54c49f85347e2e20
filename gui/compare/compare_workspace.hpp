// The Compare workspace shows up to three cells of one workload in lock-step over one time axis,
// what differs between them and how sure that is, and the protection-performance plane of all
// cells.
//
// Threading: the main thread.
#pragma once

#include "gui/kit/workspace.hpp"

namespace violet::gui {

class Session;

Workspace* make_compare(Session& session, QWidget* parent = nullptr);

}  // namespace violet::gui
