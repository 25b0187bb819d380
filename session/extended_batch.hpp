#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/writer.hpp"

namespace cenote::session {

/// Writes frontend messages of the extended protocol ("Message Formats") for
/// questions of our own, and notes their tags for the mirror.
class extended_batch {
public:
  extended_batch(std::vector<std::byte>& out, std::string& sent) noexcept
    : to_{out},
      sent_{sent} {
    // nop
  }

  /// No parameter types are given: PostgreSQL finds them.
  void parse(std::string_view statement, std::string_view sql) {
    begin('P');
    to_.string(statement);
    to_.string(sql);
    to_.int16(0);
    to_.end();
  }

  /// Into the unnamed portal, with two text parameters.
  void bind(std::string_view statement, std::string_view first,
            std::string_view second) {
    begin_bind(statement);
    to_.int16(2);
    parameter(first);
    parameter(second);
    end_bind();
  }

  /// Into the unnamed portal, or one with a name.
  void bind(std::string_view statement, std::string_view portal = {}) {
    begin_bind(statement, portal);
    to_.int16(0);
    end_bind();
  }

  void execute(std::string_view portal = {}) {
    begin('E');
    to_.string(portal);
    to_.int32(0);
    to_.end();
  }

  void close(std::string_view statement) {
    close('S', statement);
  }

  void close_portal(std::string_view portal) {
    close('P', portal);
  }

  void sync() {
    begin('S');
    to_.end();
  }

private:
  void begin(char tag) {
    sent_ += tag;
    to_.begin(tag);
  }

  void close(char what, std::string_view name) {
    begin('C');
    to_.byte1(what);
    to_.string(name);
    to_.end();
  }

  void begin_bind(std::string_view statement, std::string_view portal = {}) {
    begin('B');
    to_.string(portal);
    to_.string(statement);
    to_.int16(0);
  }

  void end_bind() {
    to_.int16(0);
    to_.end();
  }

  void parameter(std::string_view what) {
    to_.int32(static_cast<std::int32_t>(what.size()));
    to_.byte_n(what);
  }

  protocol::writer to_;
  std::string& sent_;
};

} // namespace cenote::session
