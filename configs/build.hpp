#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "configs/config.hpp"
#include "configs/section.hpp"

namespace cenote::configs {

/// Where the things live that a configuration refers to.
class references {
public:
  /// `name` is the path of the configuration: relative paths start there.
  references(const std::string& name, const load_options& options);

  [[nodiscard]] std::string resolve(const std::string& path) const;

  /// The credential that a password setting of `from` stands for; empty, and
  /// reported, when it cannot be had. Absent setting: `no_credential`.
  [[nodiscard]] std::optional<tenants::credential>
  password(const section& from, std::string_view key);

  /// Reads the path of a file into `to`; reported when it cannot be opened.
  /// True if there is one to look into.
  bool file(const section& from, std::string_view key, std::string& to);

  /// A file that a section names, and the key that does it.
  struct named_file {
    std::string_view key;
    std::string& path;
  };

  /// Reads the paths of a certificate and its key. With `will_use` what TLS
  /// would not take is reported.
  void identity(const section& from, named_file certificate, named_file key,
                bool will_use);

  /// The same for a file of CAs.
  void authorities(const section& from, named_file which, bool will_use);

  /// Every file that was asked for, as it was before it was opened first.
  [[nodiscard]] const file_stamps& files() const noexcept {
    return files_;
  }

private:
  using verdicts = std::map<std::string, result<void>, std::less<>>;

  [[nodiscard]] result<std::string> literal(const std::string& text);

  /// Reports what the judge has against a file; `question` names what is asked
  /// about it.
  bool accept(const section& from, const named_file& which,
              const std::string& question,
              const std::function<result<void>()>& ask);

  std::string folder_;
  std::function<std::optional<std::string>(const std::string&)> environment_;
  certificate_judge judge_;
  verdicts verdicts_; ///< By what was asked: thousands may name one file.
  file_stamps files_;
};

/// Makes the typed configuration out of a checked document and reports what
/// its settings say against each other. The result counts only if nothing was
/// reported, here and before.
[[nodiscard]] config build(const section& root, references& refs,
                           std::uint64_t catalog_version);

/// The part of `build` that makes the catalog.
[[nodiscard]] tenants::catalog_ptr
build_catalog(const section& root, references& refs, std::uint64_t version);

/// The keys that [cenote], tenants, databases and users share. A level below
/// `server_times` has no server_* settings.
void read_pool_options(const section& from, tenants::pool_options& to,
                       bool server_times = true);

/// Reports a minimum above the size, as far as the levels up to `from` decide.
/// `inherited` is what the levels above say; returns both together.
tenants::pool_options check_pool_sizes(const section& from,
                                       const tenants::pool_options& own,
                                       const tenants::pool_options& inherited);

} // namespace cenote::configs
