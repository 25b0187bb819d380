#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

#include "base/clock.hpp"
#include "session/watch_question.hpp"
#include "session/watched_words.hpp"

namespace cenote::session {

/// What a lane knows of functions that change sessions, and when to ask
/// PostgreSQL anew. While nothing is known, whoever comes asks first or is
/// asked after. Pure; of one lane.
class watch {
public:
  /// Which answer counts: one to a question of before a change does not.
  using ticket = std::uint64_t;

  /// Off.
  watch() noexcept = default;
  watch(const watch&) = delete;
  watch& operator=(const watch&) = delete;

  /// `interval`: how old the list may become, where others than our clients
  /// change the catalogues. Zero: nothing is watched.
  void configure(duration interval) noexcept;

  /// Some text may be meant, or nothing is known: `look_at` tells. The normal
  /// case is that there is nothing.
  [[nodiscard]] bool is_watching() const noexcept {
    return is_watching_;
  }

  [[nodiscard]] bool is_unknown() const noexcept {
    return is_unknown_;
  }

  /// PostgreSQL did not answer: nobody can name the custom settings that a
  /// function may have left behind.
  [[nodiscard]] bool is_failing() const noexcept {
    return is_unknown_ && failures_ > 0;
  }

  /// A server may be asked now.
  [[nodiscard]] bool is_due(time_point now) const noexcept {
    return now >= due_at_;
  }

  [[nodiscard]] mention look_at(std::string_view sql) const noexcept {
    return is_unknown_ ? mention::changes : words_.look_at(sql);
  }

  [[nodiscard]] const watched_words& words() const noexcept {
    return words_;
  }

  /// Another one than before: texts that were looked at since may have meant
  /// something else.
  [[nodiscard]] std::uint32_t generation() const noexcept {
    return generation_;
  }

  /// Functions or what uses them may be others now.
  void changed() noexcept;

  [[nodiscard]] watch_stage stage() const noexcept {
    return wants_all_ ? watch_stage::full : watch_stage::probe;
  }

  /// PostgreSQL is being asked.
  ticket begin(time_point now) noexcept;

  void answered(ticket which, watch_reader answer, time_point now);
  /// `is_canceled`: somebody's late cancel may have struck it. It is asked
  /// again at once, a few times, and what is known stays known.
  void failed(ticket which, time_point now, bool is_canceled) noexcept;

private:
  void set_watching() noexcept {
    is_watching_ = is_on() && (is_unknown_ || !words_.empty());
  }

  [[nodiscard]] bool is_on() const noexcept {
    return interval_.count() > 0;
  }

  watched_words words_;
  duration interval_{0};
  time_point due_at_ = never;
  time_point asked_at_{};
  ticket changes_ = 0;
  std::uint32_t generation_ = 0;
  std::uint32_t failures_ = 0;
  std::uint32_t repeats_ = 0;
  bool is_watching_ = false;
  bool is_unknown_ = false;
  bool wants_all_ = false;
};

/// What one text mentions, until the list is another one.
class mention_memory {
public:
  [[nodiscard]] mention look(const watch& of, std::string_view sql) noexcept {
    // (A list's first number is 1.)
    if (std::exchange(generation_, of.generation()) != of.generation())
      mentions_ = of.look_at(sql);
    return mentions_;
  }

  /// The text is another one.
  void forget() noexcept {
    generation_ = 0;
  }

private:
  std::uint32_t generation_ = 0;
  mention mentions_ = mention::none;
};

} // namespace cenote::session
