// The standard streams are made safe at a program's start, and messages on stderr are told without a way to fail.
//
// Threading: secure_standard_streams() first of all in main(); tell() from anywhere.
// Invariants: what is told may be lost, and changes neither what the program does nor its exit code.
#pragma once

#include <fmt/core.h>

#include <string_view>

namespace violet {

// A descriptor from 0 to 2 that is closed would be given to the next file or pipe, and what is printed would go in
// there. It gets /dev/null, opened so that printing still fails and can be noticed. SIGPIPE and SIGXFSZ are ignored:
// a reader that went away and a file that may not grow are errors of the write.
void secure_standard_streams();
// Before another program takes over this process.
void restore_sigpipe();

// On stderr, as it is.
void tell_text(std::string_view text);

template <class... Args>
void tell(fmt::format_string<Args...> format, Args&&... args) {
  tell_text(fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace violet
