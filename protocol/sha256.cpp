#include "protocol/sha256.hpp"

#include <openssl/sha.h>

namespace cenote::protocol {

std::array<std::byte, 32> sha256(std::span<const std::byte> bytes) {
  std::array<std::byte, 32> out;
  ::SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
           reinterpret_cast<unsigned char*>(out.data()));
  return out;
}

} // namespace cenote::protocol
