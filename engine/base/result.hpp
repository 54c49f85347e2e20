// A result holds a value or the error of set-up or host, outside the hot path. A guest's mistake is
// a reply status instead, a bug an assertion, overload a busy status or a drop counter.
//
// Threading: plain values.
#pragma once

#include <fmt/core.h>

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

// Hands an error on to the caller, who returns a Result or a Status; goes on with the value otherwise.
//     VIOLET_TRY(write_all(fd, bytes, path));                  // of a Status
//     VIOLET_TRY(const std::string text, read_whole_file(path));   // of a Result: declares or assigns
// Limits: the second form is no single statement: in an if, put braces around it. A type with a comma needs an alias.
#define VIOLET_TRY(...) \
  VIOLET_TRY_CHOOSE(__VA_ARGS__, VIOLET_TRY_VALUE, VIOLET_TRY_STATUS, )(__VA_ARGS__)
#define VIOLET_TRY_CHOOSE(first, second, chosen, ...) chosen
#define VIOLET_TRY_STATUS(expression)                                            \
  do {                                                                           \
    if (auto violet_tried = (expression); !violet_tried) {                       \
      return ::tl::unexpected<::violet::Error>(std::move(violet_tried).error()); \
    }                                                                            \
  } while (false)
#define VIOLET_TRY_VALUE(target, expression) \
  VIOLET_TRY_NAMED(VIOLET_TRY_JOIN(violet_tried_, __COUNTER__), target, expression)
#define VIOLET_TRY_JOIN(a, b) VIOLET_TRY_JOIN_TOKENS(a, b)
#define VIOLET_TRY_JOIN_TOKENS(a, b) a##b
// A declaration cannot stand in parentheses: NOLINTBEGIN(bugprone-macro-parentheses)
#define VIOLET_TRY_NAMED(name, target, expression)                              \
  auto name = (expression);                                                     \
  if (!name) return ::tl::unexpected<::violet::Error>(std::move(name).error()); \
  target = *std::move(name)
// NOLINTEND(bugprone-macro-parentheses)
