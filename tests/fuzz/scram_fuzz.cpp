// Hostile messages to both sides of SCRAM, to the verifier parser and to
// saslprep. The first byte chooses; a newline ends a message.
#include <algorithm>

#include "fuzz.hpp"
#include "protocol/base64.hpp"
#include "protocol/reader.hpp"
#include "protocol/scram.hpp"

using namespace cenote;
using namespace cenote::protocol;
using cenote::fuzz::check;

namespace {

constexpr std::string_view server_nonce = "server-nonce";

std::string_view take_line(std::string_view& text) {
  const auto end = text.find('\n');
  const auto out = text.substr(0, end);
  text.remove_prefix(std::min(text.size(), out.size() + 1));
  return out;
}

/// Cheap: nobody here has to know a password.
const scram_verifier& some_verifier() {
  static const auto out = [] {
    auto made = mock_verifier(secret{"fuzz"}, "user");
    made.mock = false;
    return made;
  }();
  return out;
}

void serve(std::string_view text) {
  auto uut = scram_server{some_verifier(), std::string{server_nonce}};
  const auto first = uut.start(take_line(text));
  if (first) {
    // Our own challenge is one that our client takes.
    const auto both = first->substr(2, first->find(',') - 2);
    const auto nonce = both.substr(0, both.size() - server_nonce.size());
    auto client = scram_client{nonce};
    if (both.size() <= scram_nonce_bytes_max)
      check(static_cast<bool>(client.challenged(*first)));
  }
  // Nobody can prove a key that nobody has.
  check(!uut.finish(text));
}

void ask(std::string_view text) {
  auto uut = scram_client{"client-nonce"};
  const auto challenge = uut.challenged(take_line(text));
  if (!challenge)
    return;
  check(challenge->iterations <= limits::scram_iterations_max);
  check(challenge->salt.size() <= scram_salt_bytes_max);
  (void) uut.answer(scram_keys{});
  (void) uut.verify(text);
}

void parse(std::string_view text) {
  const auto got = scram_verifier::parse(text);
  if (!got)
    return;
  const auto again = scram_verifier::parse(got->format().reveal());
  check(static_cast<bool>(again));
  check(again->format() == got->format());
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  if (size == 0)
    return 0;
  const auto text = as_text(fuzz::bytes_of(data + 1, size - 1));
  switch (data[0]) {
    case 's':
      serve(text);
      break;
    case 'c':
      ask(text);
      break;
    case 'v':
      parse(text);
      break;
    case 'p':
      (void) saslprep(secret{std::string{text}});
      break;
    case 'b':
      if (const auto raw = base64_decode(text))
        check(base64_encode(*raw) == text);
      break;
  }
  return 0;
}
