// Result<T>: how set-up and host failures are reported outside the hot path. A guest's mistake is a
// reply status instead, a bug is an assertion, overload is a busy status or a drop counter.
//
// Threading: plain values.
#pragma once

#include <fmt/format.h>

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace violet {

// Which exit code a failure ends in when it reaches main(); see the README's table.
enum class ErrorKind { kFailed = 1, kUsage = 2, kEnvironment = 5 };

struct Error {
  std::string message;  // One sentence that says what happened and what to do next.
  ErrorKind kind = ErrorKind::kFailed;
};

template <class T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

template <class... Args>
tl::unexpected<Error> fail(ErrorKind kind, fmt::format_string<Args...> format, Args&&... args) {
  return tl::unexpected<Error>(Error{fmt::format(format, std::forward<Args>(args)...), kind});
}

template <class... Args>
tl::unexpected<Error> fail(fmt::format_string<Args...> format, Args&&... args) {
  return fail(ErrorKind::kFailed, format, std::forward<Args>(args)...);
}

}  // namespace violet
