#include "experiments/cli/open_gui.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

namespace violet::cli {
namespace {

bool is_set(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0';
}

bool is_built() {
  std::error_code error;
  const auto program = std::filesystem::canonical("/proc/self/exe", error);
  return std::filesystem::exists(program.parent_path() / "violet_gui", error);
}

}  // namespace

bool display_is_there() {
  return (is_set("DISPLAY") || is_set("WAYLAND_DISPLAY")) && !is_set("VIOLET_NO_GUI");
}

void open_gui(const Places& places, const std::string& run) {
  const std::string launcher = places.root + "/violet";
  const bool built = is_built();
  std::fputs(built ? "violet: opening the application on this run (VIOLET_NO_GUI=1 to leave it)\n"
                   : "violet: building the application to show this run; ctrl-C to leave it\n",
             stderr);
  const pid_t child = ::fork();
  if (child == 0) {
    restore_sigpipe();
    if (built) ::setsid();
    ::execl(launcher.c_str(), launcher.c_str(), "gui", run.c_str(), nullptr);
    std::perror(launcher.c_str());
    ::_exit(127);
  }
  if (child > 0 && !built) ::waitpid(child, nullptr, 0);
}

}  // namespace violet::cli
