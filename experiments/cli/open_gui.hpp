// The application opens a run where there is a display.
//
// Threading: the main thread.
#pragma once

#include <string>

#include "experiments/cli/verbs.hpp"

namespace violet::cli {

// True where a display is named (DISPLAY, WAYLAND_DISPLAY) and VIOLET_NO_GUI is not set.
bool display_is_there();

// Starts `./violet gui RUN` and leaves it to itself; where it has to be built first, waits for it, so that
// its progress is not mixed with the shell's prompt. Says on stderr what it does; a failure is the
// application's to explain and changes nothing for the caller.
void open_gui(const Places& places, const std::string& run);

}  // namespace violet::cli
