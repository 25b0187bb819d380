#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "protocol/reader.hpp"

namespace cenote::test {

using row = std::vector<std::string>;

/// What a server said, taken apart.
struct answer {
  std::string tags;                                 ///< One letter per message.
  std::vector<std::pair<std::string, int>> columns; ///< Name, type's oid.
  std::vector<row> rows;                            ///< NULL is "<null>".
  std::vector<std::string> completed;               ///< Command tags.
  std::vector<std::string> errors;  ///< "SEVERITY SQLSTATE message"
  std::vector<std::string> notices; ///< Their messages.
  std::vector<std::string> details; ///< Of errors and notices.
  std::vector<std::pair<std::string, std::string>> parameters;

  [[nodiscard]] std::string cell(std::size_t at,
                                 const std::string& name) const {
    for (std::size_t i = 0; i < columns.size(); ++i)
      if (columns[i].first == name)
        return rows.at(at).at(i);
    return "<no column " + name + ">";
  }
};

inline std::string cell_of(protocol::reader& from) {
  const auto size = from.int32();
  if (size < 0)
    return "<null>";
  return std::string{
    protocol::as_text(from.byte_n(static_cast<std::size_t>(size)))};
}

inline void take_diagnostic(protocol::reader from, bool is_error, answer& to) {
  std::string severity, code, message, detail;
  for (auto field = from.byte1(); field != '\0'; field = from.byte1()) {
    auto value = std::string{from.string()};
    if (field == 'S')
      severity = value;
    else if (field == 'C')
      code = value;
    else if (field == 'M')
      message = value;
    else if (field == 'D')
      detail = value;
  }
  to.details.push_back(detail);
  if (is_error)
    to.errors.push_back(severity + ' ' + code + ' ' + message);
  else
    to.notices.push_back(message);
}

inline void take_message(char tag, std::span<const std::byte> body,
                         answer& to) {
  auto from = protocol::reader{body};
  to.tags += tag;
  if (tag == 'T') {
    to.columns.clear();
    for (auto left = from.int16(); left > 0; --left) {
      auto name = std::string{from.string()};
      from.int32();
      from.int16();
      to.columns.emplace_back(name, from.int32());
      from.int16();
      from.int32();
      from.int16();
    }
  } else if (tag == 'D') {
    auto& here = to.rows.emplace_back();
    for (auto left = from.int16(); left > 0; --left)
      here.push_back(cell_of(from));
  } else if (tag == 'C') {
    to.completed.emplace_back(from.string());
  } else if (tag == 'E' || tag == 'N') {
    take_diagnostic(from, tag == 'E', to);
  } else if (tag == 'S') {
    auto name = std::string{from.string()};
    to.parameters.emplace_back(name, from.string());
  }
}

/// All whole messages of `bytes`; returns how many bytes those are.
inline std::size_t take_messages(std::span<const std::byte> bytes, answer& to) {
  std::size_t taken = 0;
  while (bytes.size() - taken >= 5) {
    auto head = protocol::reader{bytes.subspan(taken, 5)};
    const auto tag = head.byte1();
    const auto size = static_cast<std::size_t>(head.int32()) + 1;
    if (bytes.size() - taken < size)
      break;
    take_message(tag, bytes.subspan(taken + 5, size - 5), to);
    taken += size;
  }
  return taken;
}

} // namespace cenote::test
