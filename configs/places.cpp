#include "configs/places.hpp"

#include <filesystem>

namespace cenote::configs {

namespace {

/// The folder itself, behind slashes, dots and, as far as it is there, links.
std::string canonical_folder(const std::string& written) {
  auto error = std::error_code{};
  auto found = std::filesystem::weakly_canonical(written, error);
  if (error)
    found = std::filesystem::path{written}.lexically_normal();
  if (!found.has_filename() && found.has_relative_path())
    found = found.parent_path(); // "/tmp/" is "/tmp".
  return found.string();
}

} // namespace

std::optional<place> place_of(const listener& from) {
  if (from.port == 0 || (from.address.empty() && from.unix_socket_dir.empty()))
    return std::nullopt;
  if (!from.unix_socket_dir.empty())
    return place{from.port, canonical_folder(from.unix_socket_dir), {}};
  if (from.address == "*")
    return place{from.port, {}, {}};
  auto address = parse_ip_address(from.address);
  if (!address)
    return std::nullopt;
  return place{from.port, {}, address};
}

std::optional<place> place_of(const endpoint& http) {
  auto address = parse_ip_address(http.host);
  if (!address)
    return std::nullopt;
  // Its socket for :: takes IPv4, too; a listener's does not.
  if (address->is_ipv6 && address->is_any())
    return place{http.port, {}, {}};
  return place{http.port, {}, address};
}

bool overlap(const place& a, const place& b) noexcept {
  if (a.port != b.port || a.folder != b.folder)
    return false;
  if (!a.about || !b.about)
    return true;
  if (a.about->is_ipv6 != b.about->is_ipv6)
    return false;
  return a.about == b.about || a.about->is_any() || b.about->is_any();
}

} // namespace cenote::configs
