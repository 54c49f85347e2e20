#include "engine/base/standard_streams.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "engine/base/files.hpp"

namespace violet {

void secure_standard_streams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    // The lowest free descriptor, which is this one.
    static_cast<void>(!::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY));
  }
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
}

void restore_sigpipe() { ::signal(SIGPIPE, SIG_DFL); }

void tell_text(std::string_view text) {
  static_cast<void>(write_all(STDERR_FILENO, text, "stderr"));
}

}  // namespace violet
