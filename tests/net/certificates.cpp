#include "tests/net/certificates.hpp"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

namespace cenote::test {

namespace {

void must(bool fine, const char* what) {
  if (!fine)
    throw std::runtime_error{std::string{"certificate: "} + what};
}

void extend(X509* who, X509* issuer, int kind, const std::string& value) {
  auto context = X509V3_CTX{};
  X509V3_set_ctx(&context, issuer, who, nullptr, nullptr, 0);
  auto* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
  must(extension != nullptr, value.c_str());
  X509_add_ext(who, extension, -1);
  X509_EXTENSION_free(extension);
}

X509* blank(const std::string& common_name, EVP_PKEY* key, long serial,
            long valid_seconds) {
  auto* x = X509_new();
  X509_set_version(x, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(x), serial);
  X509_gmtime_adj(X509_getm_notBefore(x), -86'400);
  X509_gmtime_adj(X509_getm_notAfter(x), valid_seconds);
  X509_set_pubkey(x, key);
  X509_NAME_add_entry_by_txt(
    X509_get_subject_name(x), "CN", MBSTRING_UTF8,
    reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1, 0);
  return x;
}

identity save(const std::string& directory, const std::string& stem, X509* x,
              EVP_PKEY* key) {
  auto made = identity{directory + "/" + stem + ".crt",
                       directory + "/" + stem + ".key"};
  auto* file = std::fopen(made.certificate_file.c_str(), "w");
  must(file != nullptr && PEM_write_X509(file, x) == 1, "write");
  std::fclose(file);
  file = std::fopen(made.key_file.c_str(), "w");
  must(
    file != nullptr
      && PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr)
           == 1,
    "write key");
  std::fclose(file);
  return made;
}

} // namespace

authority::authority(const std::string& name) {
  auto pattern
    = (std::filesystem::temp_directory_path() / "cenote-tls-XXXXXX").string();
  must(::mkdtemp(pattern.data()) != nullptr, "mkdtemp");
  directory_ = pattern;
  auto* key = EVP_EC_gen("P-256");
  auto* x = blank(name, key, 1, 86'400);
  X509_set_issuer_name(x, X509_get_subject_name(x));
  extend(x, x, NID_basic_constraints, "critical,CA:TRUE");
  extend(x, x, NID_key_usage, "critical,keyCertSign,cRLSign");
  must(X509_sign(x, key, EVP_sha256()) > 0, "sign");
  own_ = save(directory_, "ca", x, key);
  certificate_ = x;
  key_ = key;
}

authority::~authority() {
  X509_free(static_cast<X509*>(certificate_));
  EVP_PKEY_free(static_cast<EVP_PKEY*>(key_));
  auto ignored = std::error_code{};
  std::filesystem::remove_all(directory_, ignored);
}

identity authority::issue(const certificate_spec& spec) {
  auto* issuer = static_cast<X509*>(certificate_);
  auto* key = EVP_EC_gen("P-256");
  auto serial = 100 + issued_++;
  auto* x = blank(spec.common_name, key, serial, spec.valid_seconds);
  X509_set_issuer_name(x, X509_get_subject_name(issuer));
  extend(x, issuer, NID_ext_key_usage, spec.usage);
  auto names = std::string{};
  for (const auto& name : spec.names)
    names += (names.empty() ? "" : ",") + name;
  if (!names.empty())
    extend(x, issuer, NID_subject_alt_name, names);
  must(X509_sign(x, static_cast<EVP_PKEY*>(key_), EVP_sha256()) > 0, "sign");
  auto made = save(directory_, "leaf" + std::to_string(serial), x, key);
  X509_free(x);
  EVP_PKEY_free(key);
  return made;
}

some_identity& shared_identity() {
  static auto made = some_identity{};
  return made;
}

} // namespace cenote::test
