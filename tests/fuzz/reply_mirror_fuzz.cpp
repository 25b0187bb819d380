// Any client messages and anything a server may say, in any order: the queue
// stays within its limit, and how the bytes were cut makes no difference.
#include <array>
#include <string_view>

#include "protocol/message_walker.hpp"
#include "protocol/reply_mirror.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace cenote;
using namespace cenote::protocol;
using cenote::fuzz::check;

namespace {

constexpr std::string_view client_tags = "QPBDECFSHdcfSSEQXp";
constexpr std::string_view server_tags = "123CIsDTtnGHWdcVEEZZZZNASRK";
constexpr std::size_t message_bytes_max = 1'000;

class input {
public:
  explicit input(std::span<const std::byte> all)
    : left_{all} {
    // nop
  }

  [[nodiscard]] bool is_empty() const noexcept {
    return left_.empty();
  }

  unsigned byte() noexcept {
    if (left_.empty())
      return 0;
    const auto value = std::to_integer<unsigned>(left_.front());
    left_ = left_.subspan(1);
    return value;
  }

  std::span<const std::byte> bytes(std::size_t size) noexcept {
    const auto out = left_.first(std::min(size, left_.size()));
    left_ = left_.subspan(out.size());
    return out;
  }

private:
  std::span<const std::byte> left_;
};

/// A mirror with the walker in front of it, and all it ever reacted with.
struct watcher {
  explicit watcher(std::size_t limit)
    : mirror{limit} {
    // nop
  }

  void feed(std::span<const std::byte> bytes) {
    piece part;
    while (walker.next(bytes, part) == message_walker::outcome::piece) {
      const auto was_over = mirror.is_over();
      const auto got = mirror.take(part);
      check(!got.ready || (part.tag == 'Z' && part.ends()));
      check(!got.fatal || (part.tag == 'E' && part.ends()));
      check(!got.violation || mirror.is_over());
      check(!was_over || !mirror.owes_nothing());
      ready += got.ready ? 1 : 0;
      violated = violated || got.violation;
      fatal = fatal || got.fatal;
      if (part.ends())
        last = got;
    }
  }

  reply_mirror mirror;
  message_walker walker{message_bytes_max};
  reaction last;
  unsigned ready = 0;
  bool violated = false;
  bool fatal = false;
};

void compare(const watcher& a, const watcher& b) {
  check(a.ready == b.ready && a.fatal == b.fatal && a.violated == b.violated);
  check(a.mirror.is_over() == b.mirror.is_over());
  check(a.mirror.owes_nothing() == b.mirror.owes_nothing());
  check(a.mirror.outstanding() == b.mirror.outstanding());
  check(a.mirror.status() == b.mirror.status());
  check(a.mirror.copy() == b.mirror.copy());
  check(a.mirror.to_come_clean() == b.mirror.to_come_clean());
  check(a.mirror.is_certain() == b.mirror.is_certain());
  if (a.violated)
    return;
  check(a.mirror.dirt() == b.mirror.dirt());
  check(a.last.how == b.last.how && a.last.owner == b.last.owner);
  check(a.last.async == b.last.async);
}

/// A message of the server's that is at least not cut short.
void say(input& from, watcher& whole, watcher& cut) {
  std::array<std::byte, 5 + 64> message{};
  const auto tag = server_tags[from.byte() % server_tags.size()];
  const auto size = tag == 'Z' ? 1 : from.byte() % 64;
  const auto body = from.bytes(size);
  message[0] = static_cast<std::byte>(tag);
  message[4] = static_cast<std::byte>(body.size() + 4);
  std::copy(body.begin(), body.end(), message.begin() + 5);
  auto all = std::span<const std::byte>{message}.first(5 + body.size());
  whole.feed(all);
  while (!all.empty()) {
    const auto next = std::min<std::size_t>(1 + from.byte() % 8, all.size());
    cut.feed(all.first(next));
    all = all.subspan(next);
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  auto from = input{fuzz::bytes_of(data, size)};
  const auto limit = std::size_t{1} + from.byte() % 64;
  watcher whole{limit};
  watcher cut{limit};
  while (!from.is_empty()) {
    const auto what = from.byte();
    if (what % 2 == 0) {
      const auto tag = client_tags[what / 2 % client_tags.size()];
      const auto owner = from.byte();
      const auto how = owner % 2 == 0 ? delivery::forward : delivery::skip;
      const auto code = whole.mirror.sent(tag, how, owner);
      check(cut.mirror.sent(tag, how, owner) == code);
    } else if (what == 0xff) {
      // Bytes as they are.
      const auto some = from.bytes(from.byte());
      whole.feed(some);
      for (std::size_t i = 0; i < some.size(); ++i)
        cut.feed(some.subspan(i, 1));
    } else {
      say(from, whole, cut);
    }
    check(whole.mirror.outstanding() <= limit);
    compare(whole, cut);
  }
  return 0;
}
