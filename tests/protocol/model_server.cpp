#include "tests/protocol/model_server.hpp"

namespace cenote::protocol::test {

model_server::model_server(std::function<unsigned(unsigned)> choose)
  : choose_{std::move(choose)} {
  // nop
}

void model_server::say(std::string_view what) {
  for (const auto letter : what) {
    if (one_in(20))
      said_ += "NAS"[choose_(3)];
    said_ += letter;
  }
}

void model_server::flush() {
  sent_ += said_;
  said_.clear();
}

char model_server::take() {
  if (sent_.empty())
    return 0;
  const auto letter = sent_.front();
  sent_.erase(0, 1);
  return letter;
}

bool model_server::read_one() {
  // A COPY may fail before it reads anything, or later.
  if (copy_ != copy::none && one_in(8)) {
    fail_copy();
    return true;
  }
  if (unread_.empty() || dead_)
    return false;
  const auto tag = unread_.front();
  unread_.erase(0, 1);
  if (copy_ != copy::none) {
    read_in_copy(tag);
    return true;
  }
  if (std::string_view{"dcf"}.find(tag) != std::string_view::npos
      || (skipping_ && tag != 'S'))
    return true;
  if (tag == 'H') {
    flush();
  } else if (tag == 'S') {
    skipping_ = false;
    say(one_in(8) ? "E" : "");
    finish_simple();
  } else if (tag == 'q') {
    say("I");
    finish_simple();
  } else if (tag == 'Q') {
    read_simple_statements();
  } else if (tag == 'F') {
    say(one_in(3) ? "E" : "V");
    finish_simple();
  } else if (one_in(4)) {
    say("E");
    flush();
    skipping_ = true;
  } else {
    batch_open_ = true;
    switch (tag) {
      case 'P':
        say("1");
        break;
      case 'B':
        say("2");
        break;
      case 'C':
        say("3");
        break;
      case 'D':
        say(one_in(2) ? "t" : "");
        say(one_in(2) ? "T" : "n");
        break;
      default:
        execute();
    }
  }
  return true;
}

void model_server::finish_simple() {
  say(std::string_view{"ibx"}.substr(choose_(3), 1));
  batch_open_ = false;
  flush();
}

void model_server::read_simple_statements() {
  if (one_in(6)) {
    say("I");
    finish_simple();
    return;
  }
  do {
    switch (choose_(6)) {
      case 0:
        say("E");
        finish_simple();
        return;
      case 1:
        begin_copy_in(copy::simple);
        return;
      case 2:
        say("HddcC");
        break;
      case 3:
        say("C");
        break;
      default:
        say("TDDC");
    }
  } while (one_in(2));
  finish_simple();
}

void model_server::execute() {
  switch (choose_(6)) {
    case 0:
      begin_copy_in(copy::extended);
      return;
    case 1:
      say("HdcC");
      return;
    case 2:
      say("DDs");
      return;
    case 3:
      say("I");
      return;
    default:
      say("DDC");
  }
}

void model_server::begin_copy_in(copy how) {
  say("G");
  flush();
  copy_ = how;
}

void model_server::read_in_copy(char tag) {
  if (tag == 'd' || tag == 'S' || tag == 'H')
    return;
  if (tag != 'c') {
    fail_copy();
    if (tag != 'f') {
      sent_ = sent_.substr(0, sent_.find_last_of('E') + 1) + 'e';
      dead_ = true;
    }
    return;
  }
  say("C");
  const auto was = copy_;
  copy_ = copy::none;
  if (was == copy::simple) {
    if (one_in(3))
      begin_copy_in(copy::simple);
    else
      finish_simple();
  }
}

void model_server::fail_copy() {
  say("E");
  flush();
  if (copy_ == copy::simple)
    finish_simple();
  else
    skipping_ = true;
  copy_ = copy::none;
}

} // namespace cenote::protocol::test
