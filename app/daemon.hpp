#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "actors/admin_types.hpp"
#include "configs/config.hpp"

namespace cenote::app {

/// One run of cenote: builds the house out of a configuration, serves until a
/// signal or an operator ends it. Everything is owned here; main thread = edge
/// thread.
class daemon {
public:
  /// `file` is read again at every reload; `first` is what it held at the
  /// start.
  daemon(std::string file, configs::config first);
  ~daemon();
  daemon(const daemon&) = delete;
  daemon& operator=(const daemon&) = delete;

  /// Serves. Returns the exit code: 0 after an orderly end, 1 if it could not
  /// start.
  int run();

private:
  struct parts;
  std::unique_ptr<parts> parts_;
};

} // namespace cenote::app
