#pragma once

#include <string>
#include <utility>
#include <vector>

#include "configs/load.hpp"

namespace cenote::configs {

/// Gathers all that is wrong with one file, so that its author sees it at once.
class problems {
public:
  explicit problems(std::string file)
    : file_{std::move(file)} {
    // nop
  }

  void error(ec code, int line, std::string key, std::string message) {
    errors.push_back({code, file_, line, std::move(key), std::move(message)});
  }

  void warn(ec code, int line, std::string key, std::string message) {
    warnings.push_back({code, file_, line, std::move(key), std::move(message)});
  }

  std::vector<problem> errors;
  std::vector<problem> warnings;

private:
  std::string file_;
};

} // namespace cenote::configs
