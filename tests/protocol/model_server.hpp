#pragma once

#include <deque>
#include <functional>
#include <string>
#include <string_view>

namespace cenote::protocol::test {

/// A server as docs/mirror.md describes one, in letters (see `said`) instead of
/// messages. It decides by itself what fails, what is a COPY and when it reads:
/// `choose(n)` gives a number below n.
class model_server {
public:
  explicit model_server(std::function<unsigned(unsigned)> choose);

  /// The client's messages arrive; they are not read yet. 'q' is a Query with
  /// an empty string.
  void arrive(std::string_view tags) {
    unread_ += tags;
  }

  /// Reads one message, if there is one that it would read now.
  bool read_one();

  /// Takes one message off what it has sent; 0 if there is none. What it said
  /// and did not flush is not sent.
  char take();

  [[nodiscard]] bool is_at_rest() const noexcept {
    // What it would ignore does not count.
    return unread_.find_first_not_of("dcfH") == std::string::npos
        && said_.empty() && sent_.empty() && !skipping_ && !batch_open_
        && copy_ == copy::none;
  }

  [[nodiscard]] bool is_dead() const noexcept {
    return dead_;
  }

private:
  enum class copy { none, simple, extended };

  void read_in_copy(char tag);
  void read_simple_statements();
  void execute();
  void begin_copy_in(copy how);
  void fail_copy();
  void finish_simple();
  void say(std::string_view what);
  void flush();
  bool one_in(unsigned many) {
    return choose_(many) == 0;
  }

  std::function<unsigned(unsigned)> choose_;
  std::string unread_;
  std::string said_; ///< Not flushed.
  std::string sent_;
  bool skipping_ = false;
  bool batch_open_ = false;
  bool dead_ = false;
  copy copy_ = copy::none;
};

} // namespace cenote::protocol::test
