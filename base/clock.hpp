#pragma once

#include <chrono>

namespace cenote {

/// The one clock. Pure folders get a `time_point` as an argument and never ask
/// for the time themselves.
using clock = std::chrono::steady_clock;
using time_point = clock::time_point;
using duration = clock::duration;

/// "No deadline". Compares later than every real time.
inline constexpr time_point never = time_point::max();

} // namespace cenote
