// The Experiment workspace checks a plan as it is written, shows its matrix of cells, and runs it.
//
// Threading: the main thread; plans are checked and run by the program in processes of their own.
#pragma once

#include "gui/kit/workspace.hpp"

namespace violet::gui {

class Session;

// Its slot showPlan(QString) takes a plan's name or path: what "try it" of a lesson asks for.
Workspace* make_experiment(Session& session, QWidget* parent = nullptr);

}  // namespace violet::gui
