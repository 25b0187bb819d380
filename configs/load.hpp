#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/result.hpp"
#include "configs/config.hpp"

/// From a file to a `config`, or to everything that is wrong with it. Blocking
/// (it reads files): start-up and reload threads only.
namespace cenote::configs {

/// One thing wrong with a configuration, or worth a warning. Never holds a
/// secret.
struct problem {
  ec code = ec::none;
  std::string file; ///< As it was given to `load_file`.
  int line = 0;     ///< From 1; 0 = the file as a whole.
  std::string key;  ///< "tenant.database.pool_size"; may be empty.
  std::string message;

  friend bool operator==(const problem&, const problem&) = default;
};

/// `cenote.toml:12: tenant.database.pool_sise: unknown key; did you mean
/// "pool_size"?`
[[nodiscard]] std::string to_string(const problem& what);

/// A configuration exactly when there is no error; both lists go by line.
struct loaded {
  std::optional<configs::config> config;
  std::vector<problem> errors;
  std::vector<problem> warnings;

  /// As `config::files`, also without a configuration: what it lacks may come.
  file_stamps files;

  [[nodiscard]] explicit operator bool() const noexcept {
    return config.has_value();
  }
};

/// Who can tell whether certificate files are any good. It blocks; details name
/// the file. An empty function: nobody asks.
struct certificate_judge {
  /// With its chain.
  std::function<result<void>(const std::string& file)> certificate;
  /// Whether it belongs to `certificate`; empty: whether it is a key.
  std::function<result<void>(const std::string& certificate,
                             const std::string& file)>
    key;
  std::function<result<void>(const std::string& file)> authorities;
};

struct load_options {
  /// Version of the catalog that is built.
  std::uint64_t version = 1;

  /// The value of an environment variable; empty function: the process's own.
  std::function<std::optional<std::string>(const std::string&)> environment;

  certificate_judge judge;
};

/// Reads and checks a TOML file. Paths in it are relative to its folder.
[[nodiscard]] loaded load_file(const std::string& path,
                               const load_options& options = {});

/// The same for text that is already in memory; `name` stands for its path.
[[nodiscard]] loaded load_text(std::string_view text, const std::string& name,
                               const load_options& options = {});

} // namespace cenote::configs
