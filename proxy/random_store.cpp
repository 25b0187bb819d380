#include "proxy/random_store.hpp"

#include <algorithm>

#include <sys/random.h>

#include "base/assert.hpp"
#include "base/secret.hpp"

namespace cenote::proxy {

void wipe_bytes(std::span<std::byte> bytes) noexcept {
  wipe({reinterpret_cast<char*>(bytes.data()), bytes.size()});
}

random_store::~random_store() {
  wipe_bytes(bytes_);
}

void random_store::draw(std::span<std::byte> into) noexcept {
  if (left_ < into.size()) {
    auto filled = ::getrandom(bytes_.data(), bytes_.size(), 0);
    CENOTE_ASSERT(filled == static_cast<ssize_t>(bytes_.size()));
    left_ = bytes_.size();
  }
  left_ -= into.size();
  auto from = std::span{bytes_}.subspan(left_, into.size());
  std::ranges::copy(from, into.begin());
  wipe_bytes(from);
}

} // namespace cenote::proxy
