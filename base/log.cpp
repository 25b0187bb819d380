#include "base/log.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <ctime>
#include <memory>
#include <thread>

#include <fmt/format.h>
#include <spdlog/async.h>
#include <spdlog/sinks/ansicolor_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "base/utf8.hpp"

namespace cenote::log {

namespace {

constexpr std::size_t queue_lines_max = 8192;
constexpr auto flush_time_max = std::chrono::seconds{1};

std::atomic<level> least{level::info};
std::atomic<format> how_to_write{format::text};

constexpr std::string_view level_name(level at) noexcept {
  switch (at) {
    case level::debug:
      return "DEBUG";
    case level::info:
      return "INFO";
    case level::warn:
      return "WARN";
    case level::error:
      return "ERROR";
    case level::off:
      return "OFF";
  }
  return "?";
}

/// Escapes for a JSON string and for a quoted value of a text line alike: what
/// a client sent can neither end the value nor start a new line.
void append_escaped(std::string& out, std::string_view value) {
  for (char c : value) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20
            || static_cast<unsigned char>(c) == 0x7f)
          out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
        else
          out += c;
    }
  }
}

[[nodiscard]] bool needs_quotes(std::string_view value) noexcept {
  if (value.empty())
    return true;
  for (char c : value)
    if (static_cast<unsigned char>(c) <= 0x20 || c == '"' || c == '='
        || c == '\\' || c == 0x7f)
      return true;
  return false;
}

std::string time_text(std::int64_t unix_time_ms) {
  auto seconds = static_cast<std::time_t>(unix_time_ms / 1000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
                     parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
                     parts.tm_hour, parts.tm_min, parts.tm_sec,
                     unix_time_ms % 1000);
}

spdlog::logger& writer() {
  static auto instance = [] {
    spdlog::init_thread_pool(queue_lines_max, 1);
    auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    auto made = std::make_shared<spdlog::async_logger>(
      "cenote", sink, spdlog::thread_pool(),
      spdlog::async_overflow_policy::overrun_oldest);
    made->set_pattern("%v");
    made->set_level(spdlog::level::trace);
    made->flush_on(spdlog::level::trace);
    return made;
  }();
  return *instance;
}

} // namespace

void configure(level at_least, format how) {
  least = at_least;
  how_to_write = how;
}

bool enabled(level at) noexcept {
  return at >= least.load(std::memory_order_relaxed);
}

std::string render(format how, level at, std::string_view event,
                   std::initializer_list<field> fields,
                   std::int64_t unix_time_ms) {
  std::string out;
  if (how == format::json) {
    out = fmt::format(R"({{"time":"{}","level":"{}","event":")",
                      time_text(unix_time_ms), level_name(at));
    append_escaped(out, event);
    out += '"';
    for (auto& [key, value] : fields) {
      out += fmt::format(R"(,"{}":")", key);
      append_escaped(out, to_utf8(value));
      out += '"';
    }
    out += '}';
    return out;
  }
  out = fmt::format("{} {:<5} {}", time_text(unix_time_ms), level_name(at),
                    event);
  for (auto& [key, value] : fields) {
    out += fmt::format(" {}=", key);
    if (needs_quotes(value)) {
      out += '"';
      append_escaped(out, to_utf8(value));
      out += '"';
    } else {
      out += to_utf8(value);
    }
  }
  return out;
}

void write(level at, std::string_view event,
           std::initializer_list<field> fields) {
  if (!enabled(at))
    return;
  auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
               .count();
  writer().info(spdlog::string_view_t{render(
    how_to_write.load(std::memory_order_relaxed), at, event, fields, now)});
}

void flush() {
  writer().flush();
  // It is another thread's work. Who does not read what we write is not waited
  // for.
  const auto queue = spdlog::thread_pool();
  const auto until = std::chrono::steady_clock::now() + flush_time_max;
  while (queue && queue->queue_size() > 0
         && std::chrono::steady_clock::now() < until)
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
}

} // namespace cenote::log
