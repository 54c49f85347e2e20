// An assertion stops the program at a bug. VIOLET_CHECK stays in release builds; VIOLET_DCHECK, for
// the hot path, is compiled in only with VIOLET_DEBUG_CHECKS (the dev and sanitizer presets).
//
// Threading: anywhere.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace violet {

[[noreturn]] inline void check_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: check failed: %s\n", file, line, expression);
  std::abort();
}

}  // namespace violet

#define VIOLET_CHECK(expression)                 \
  (__builtin_expect(!!(expression), 1) ? void(0) \
                                       : ::violet::check_failed(#expression, __FILE__, __LINE__))

#ifdef VIOLET_DEBUG_CHECKS
#define VIOLET_DCHECK(expression) VIOLET_CHECK(expression)
#else
#define VIOLET_DCHECK(expression) (true ? void(0) : void(!!(expression)))
#endif
