#pragma once

namespace cenote::detail {

[[noreturn]] void assertion_failed(const char* expression, const char* file,
                                   int line) noexcept;

} // namespace cenote::detail

/// For our own mistakes: prints and aborts, in every build. No input, from
/// whichever peer or file, may reach one.
#define CENOTE_ASSERT(expression)                                              \
  ((expression)                                                                \
     ? static_cast<void>(0)                                                    \
     : ::cenote::detail::assertion_failed(#expression, __FILE__, __LINE__))
