#include "session/repeatable_batch.hpp"

#include <algorithm>
#include <string_view>

#include "protocol/message_walker.hpp"
#include "protocol/reader.hpp"

namespace cenote::session {

namespace {

/// Portals that were bound and not described since.
class undescribed_portals {
public:
  void bound(std::string_view portal) {
    if (!has(portal))
      names_.push_back(portal);
  }

  void described(std::string_view portal) noexcept {
    names_.erase(std::remove(names_.begin(), names_.end(), portal),
                 names_.end());
  }

  [[nodiscard]] bool has(std::string_view portal) const noexcept {
    return std::find(names_.begin(), names_.end(), portal) != names_.end();
  }

private:
  std::vector<std::string_view> names_;
};

} // namespace

bool repeatable_batch::tells_rows() const {
  using protocol::message_walker;
  if (!is_whole())
    return false;
  undescribed_portals open;
  auto walker = message_walker{bytes_max};
  auto left = std::span<const std::byte>{bytes_};
  protocol::piece part;
  while (walker.next(left, part) == message_walker::outcome::piece) {
    auto body = protocol::reader{part.bytes.subspan(protocol::header_bytes)};
    if (part.tag == 'B')
      open.bound(body.string());
    else if (part.tag == 'D' && body.byte1() == 'P')
      open.described(body.string());
    else if (part.tag == 'E' && open.has(body.string()))
      return false;
  }
  return true;
}

} // namespace cenote::session
