// A render draws a view into a file without a display, with the widgets of the window.
//
// Threading: the main thread.
#pragma once

#include "engine/base/result.hpp"
#include "gui/app/command_line.hpp"

namespace violet::gui {

class MainWindow;

// Opens the run, waits until everything that was asked is drawn, and writes the picture. Of a damaged
// recording it is written as well, and the error says what is missing in it.
Status render(MainWindow& window, const CommandLine& line);

}  // namespace violet::gui
