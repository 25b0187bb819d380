#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <utility>

#include "configs/build.hpp"

namespace cenote::configs {

namespace {

/// A password longer than PostgreSQL's longest authentication message could
/// never be sent; reading stops there.
constexpr auto password_bytes_max = std::size_t{65'535};

std::optional<std::string> process_environment(const std::string& name) {
  const auto* found = std::getenv(name.c_str());
  return found != nullptr ? std::optional<std::string>{found} : std::nullopt;
}

bool is_readable_file(const std::string& path) {
  auto error = std::error_code{};
  return std::filesystem::is_regular_file(path, error)
      && std::ifstream{path}.is_open();
}

/// The content less one trailing newline, or nothing when it cannot be read.
std::optional<std::string> read_secret_file(const std::string& path) {
  if (!is_readable_file(path)) // Before it is opened: a pipe would block.
    return std::nullopt;
  auto in = std::ifstream{path, std::ios::binary};
  auto out = std::string(password_bytes_max + 1, '\0');
  if (!in)
    return std::nullopt;
  in.read(out.data(), static_cast<std::streamsize>(out.size()));
  out.resize(static_cast<std::size_t>(in.gcount()));
  if (out.ends_with("\r\n"))
    out.resize(out.size() - 2);
  else if (out.ends_with('\n'))
    out.pop_back();
  return out;
}

} // namespace

references::references(const std::string& name, const load_options& options)
  : folder_{std::filesystem::path{name}.parent_path().string()},
    environment_{options.environment ? options.environment
                                     : process_environment},
    judge_{options.judge} {
  // nop
}

std::string references::resolve(const std::string& path) const {
  // An absolute path replaces the folder.
  return (std::filesystem::path{folder_} / path).string();
}

result<std::string> references::literal(const std::string& text) {
  if (text.starts_with("env:")) {
    auto name = text.substr(4);
    auto found = environment_(name);
    if (!found)
      return failure{ec::config_bad_value,
                     "environment variable \"" + name + "\" is not set"};
    if (found->empty())
      return failure{ec::config_bad_value,
                     "environment variable \"" + name + "\" is empty"};
    return *found;
  }
  if (text.starts_with("file:")) {
    auto path = resolve(text.substr(5));
    files_.emplace(path, stamp_of(path));
    auto found = read_secret_file(path);
    if (!found)
      return failure{ec::config_unreadable,
                     "file \"" + path + "\" cannot be read"};
    if (found->empty())
      return failure{ec::config_bad_value, "file \"" + path + "\" is empty"};
    return *found;
  }
  return text;
}

std::optional<tenants::credential> references::password(const section& from,
                                                        std::string_view key) {
  if (!from.has(key))
    return tenants::credential{};
  auto text = std::optional<std::string>{};
  from.read(key, text);
  if (!text)
    return std::nullopt; // `check` has said why.
  auto value = literal(*text);
  if (!value) {
    from.error(value.error().code, key, value.error().detail);
    return std::nullopt;
  }
  auto fault = std::string{};
  if (value->size() > password_bytes_max)
    fault = "the password is too long";
  else if (value->find('\0') != std::string::npos)
    fault = "the password holds a NUL byte";
  if (!fault.empty()) {
    from.error(ec::config_bad_value, key, fault);
    return std::nullopt;
  }
  auto parsed = tenants::parse_credential(*value);
  wipe({value->data(), value->size()});
  if (parsed)
    return std::move(*parsed);
  from.error(parsed.error().code, key, parsed.error().detail);
  return std::nullopt;
}

bool references::file(const section& from, std::string_view key,
                      std::string& to) {
  auto path = std::optional<std::string>{};
  from.read(key, path);
  if (!path)
    return false;
  to = resolve(*path);
  files_.emplace(to, stamp_of(to));
  if (is_readable_file(to))
    return true;
  from.error(ec::config_unreadable, key, "file \"" + to + "\" cannot be read");
  return false;
}

void references::identity(const section& from, named_file certificate,
                          named_file key, bool will_use) {
  const auto has_certificate = file(from, certificate.key, certificate.path);
  const auto has_key = file(from, key.key, key.path);
  if (!will_use)
    return;
  auto is_good = has_certificate;
  if (has_certificate && judge_.certificate)
    is_good = accept(from, certificate, "certificate\n",
                     [&] { return judge_.certificate(certificate.path); });
  // Without a good certificate it is still a key or none.
  const auto owner = is_good ? certificate.path : std::string{};
  if (has_key && judge_.key)
    accept(from, key, "key of " + owner + '\n',
           [&] { return judge_.key(owner, key.path); });
}

void references::authorities(const section& from, named_file which,
                             bool will_use) {
  if (file(from, which.key, which.path) && will_use && judge_.authorities)
    accept(from, which, "CAs\n",
           [&] { return judge_.authorities(which.path); });
}

bool references::accept(const section& from, const named_file& which,
                        const std::string& question,
                        const std::function<result<void>()>& ask) {
  const auto id = question + which.path;
  auto at = verdicts_.find(id);
  if (at == verdicts_.end())
    at = verdicts_.emplace(id, ask()).first;
  if (at->second)
    return true;
  const auto& why = at->second.error();
  from.error(why.code, which.key, why.detail);
  return false;
}

} // namespace cenote::configs
