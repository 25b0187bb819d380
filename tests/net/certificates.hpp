#pragma once

#include <string>
#include <vector>

namespace cenote::test {

/// What a certificate says.
struct certificate_spec {
  std::string common_name;
  std::vector<std::string> names; ///< "DNS:a.example", "IP:127.0.0.1".
  std::string usage = "serverAuth";
  long valid_seconds = 3600; ///< Negative: expired.
};

/// A PEM certificate and its key.
struct identity {
  std::string certificate_file;
  std::string key_file;
};

/// A certificate authority in a temporary directory that goes with it.
class authority {
public:
  explicit authority(const std::string& name);
  authority(const authority&) = delete;
  authority& operator=(const authority&) = delete;
  ~authority();

  [[nodiscard]] const std::string& file() const noexcept {
    return own_.certificate_file;
  }

  [[nodiscard]] const std::string& directory() const noexcept {
    return directory_;
  }

  identity issue(const certificate_spec& spec);

private:
  std::string directory_;
  identity own_;
  void* certificate_ = nullptr; ///< X509
  void* key_ = nullptr;         ///< EVP_PKEY
  long issued_ = 0;
};

/// One authority and one certificate for "localhost" for tests that do not
/// care.
struct some_identity {
  authority ca{"Some CA"};
  identity server = ca.issue({"localhost", {"DNS:localhost", "IP:127.0.0.1"}});
};

some_identity& shared_identity();

} // namespace cenote::test
