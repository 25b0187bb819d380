#pragma once

namespace cenote::app {

inline constexpr const char* version = "0.1.0";

} // namespace cenote::app
