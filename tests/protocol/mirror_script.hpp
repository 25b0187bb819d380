#pragma once

#include <array>
#include <ostream>
#include <string>
#include <string_view>

#include "protocol/reply_mirror.hpp"
#include "tests/protocol/wire.hpp"

namespace cenote::protocol {

inline std::ostream& operator<<(std::ostream& out, reply_mirror::remedy what) {
  constexpr std::array names{"wait", "copy_fail", "copy_done", "sync", "probe"};
  return out << names[static_cast<std::size_t>(what)];
}

inline std::ostream& operator<<(std::ostream& out,
                                reply_mirror::copy_state what) {
  return out << static_cast<int>(what);
}

inline std::ostream& operator<<(std::ostream& out, delivery what) {
  return out << (what == delivery::skip ? "skip" : "forward");
}

inline std::ostream& operator<<(std::ostream& out, async_message what) {
  return out << static_cast<int>(what);
}

inline std::ostream& operator<<(std::ostream& out, transaction_status what) {
  return out << static_cast<char>(what);
}

} // namespace cenote::protocol

namespace cenote::protocol::test {

/// The shortest right message that a server can say, by its tag. 'e' is a FATAL
/// ErrorResponse, 'i', 'b', 'x' are ReadyForQuery (Z) with status I, T, E.
inline bytes said(char what) {
  switch (what) {
    case '1':
    case '2':
    case '3':
    case 'c':
    case 'n':
    case 's':
    case 'I': {
      bytes out{static_cast<std::byte>(what)};
      append(out, wire("00000004"));
      return out;
    }
    case 'A':
      return wire("'A' 0000000c 00000001 'x' 00 'y' 00");
    case 'C':
      return wire("'C' 0000000d 'INSERT 0' 00");
    case 'D':
      return wire("'D' 0000000b 0001 00000001 'x'");
    case 'd':
      return wire("'d' 00000007 'abc'");
    case 'E':
      return wire("'E' 0000001b 'SFEHLER' 00 'VERROR' 00 'CXXXXX' 00 00");
    case 'e':
      return wire("'E' 0000001b 'SFATALX' 00 'VFATAL' 00 'CXXXXX' 00 00");
    case 'G':
    case 'H':
    case 'W': {
      bytes out{static_cast<std::byte>(what)};
      append(out, wire("00000007 00 0000"));
      return out;
    }
    case 'N':
      return wire("'N' 00000013 'SNOTICE' 00 'VNOTE' 00 00");
    case 'S':
      return wire("'S' 00000008 'a' 00 'b' 00");
    case 'T':
      return wire("'T' 00000006 0000");
    case 't':
      return wire("'t' 00000006 0000");
    case 'V':
      return wire("'V' 00000008 ffffffff");
    case 'i':
      return wire("'Z' 00000005 'I'");
    case 'b':
      return wire("'Z' 00000005 'T'");
    case 'x':
      return wire("'Z' 00000005 'E'");
    default:
      return wire("'R' 00000008 00000000");
  }
}

/// Feeds `what` in the given cuts and returns the reaction to the last piece; a
/// violation or an answer's owner stays from whichever piece had it.
inline reaction feed(reply_mirror& mirror, message_walker& walker,
                     std::span<const std::byte> what) {
  reaction last;
  piece part;
  while (walker.next(what, part) == message_walker::outcome::piece) {
    const auto violated = last.violation;
    last = mirror.take(part);
    last.violation = last.violation || violated;
  }
  return last;
}

/// Plays a script: letters behind '>' are sent by client 1, behind '}' by
/// cenote itself, behind '<' are said by the server (see `said`). Returns false
/// at the first violation or refused message.
inline bool play(reply_mirror& mirror, std::string_view script) {
  message_walker walker{1 << 20};
  auto side = '>';
  for (const auto letter : script) {
    if (letter == ' ')
      continue;
    if (letter == '>' || letter == '<' || letter == '}') {
      side = letter;
    } else if (side == '<') {
      if (feed(mirror, walker, said(letter)).violation)
        return false;
    } else if (mirror.sent(letter,
                           side == '>' ? delivery::forward : delivery::skip,
                           side == '>' ? 1 : 0)
               != ec::none) {
      return false;
    }
  }
  return true;
}

} // namespace cenote::protocol::test
