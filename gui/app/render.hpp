// A view into a file without a display: the same widgets as in the window, never shown to anybody.
//
// Threading: the main thread.
#pragma once

#include "engine/base/result.hpp"
#include "gui/app/command_line.hpp"

namespace violet::gui {

class MainWindow;

// Opens the run, waits until everything that was asked is drawn, and writes the picture.
Status render(MainWindow& window, const CommandLine& line);

}  // namespace violet::gui
