#include "tests/protocol/request_generator.hpp"

#include <array>

#include "tests/protocol/raw_server.hpp"

namespace cenote::protocol::test {

namespace {

using namespace std::string_literals;

// '$' stands for the owner's number. t, v, trig and def are made by the test: a
// table, a view (COPY to it fails before the first CopyData is read), a table
// whose statement trigger fails (so does that one), and a deferred constraint
// (fails at Sync).
constexpr std::array statements{
  "select 'owner $ '",
  "select 'owner $ '",
  "select 'owner $ ' from generate_series(1, 20)",
  "select 'owner $ ' where false",
  "selec 'owner $ '",
  "select 1 / 0 as \"owner $ \"",
  "select 1 / (3 - g), 'owner $ ' from generate_series(1, 5) g",
  "",
  ";",
  "begin",
  "commit",
  "rollback",
  "savepoint a",
  "insert into def values (1), (1)",
  "insert into ruled values (1)",
  "set application_name = 'a$'",
  "notify n",
  "listen n",
  "do $$begin raise notice 'n'; end$$",
  "do $$begin raise exception 'owner $ '; end$$",
  "copy t from stdin",
  "copy t from stdin",
  "copy t from stdin (format binary)",
  "copy v from stdin",
  "copy v from stdin",
  "copy trig from stdin",
  "copy nosuch from stdin",
  "copy (select 'owner $ ' from generate_series(1, 3)) to stdout",
  "copy (select 1 / (3 - g) from generate_series(1, 5) g) to stdout",
  "prepare p$ as select 'owner $ '",
  "declare c cursor for select 'owner $ '",
  "create temp table x$ as select 1",
  "deallocate all",
  "discard all",
  "call pp(1)",
  "select pg_sleep(0.001)",
};

constexpr std::array replication_commands{
  "IDENTIFY_SYSTEM",
  "SHOW work_mem",
  "START_REPLICATION 0/1000000",
  "START_REPLICATION FFFF/0",
  "select 'owner $ '",
  "select 'owner $ '; select 1 / 0 as \"owner $ \"",
  "CREATE_REPLICATION_SLOT s$ TEMPORARY LOGICAL nosuch",
  "TIMELINE_HISTORY 77",
  "",
  "copy t from stdin",
};

constexpr std::array names{"", "", "", "a", "b"};

} // namespace

request_generator::request_generator(std::uint64_t seed)
  : random_{seed},
    walsender_{pick(25) == 0} {
  // nop
}

unsigned request_generator::pick(unsigned limit) {
  return static_cast<unsigned>(random_() >> 33) % limit;
}

std::vector<planned> request_generator::next(reply_mirror::copy_state copy) {
  plan out;
  if (walsender_) {
    add_replication(out, copy);
    return out;
  }
  const auto dice = pick(100);
  if (copy == reply_mirror::copy_state::in && dice < 85)
    add_copy(out);
  else if (dice < 30)
    add_simple(out);
  else if (dice < 65)
    add_extended(out);
  else if (dice < 80)
    add_wild(out);
  else if (dice < 86)
    add_function(out);
  else
    add_copy(out);
  return out;
}

void request_generator::add(plan& to, char tag, std::string_view body,
                            owner_id owner) {
  to.push_back({tag, message(tag, body), how_of(owner), owner});
}

std::string request_generator::with_owner(std::string_view text,
                                          owner_id owner) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i, 2) == "$$")
      out += text[i++], out += '$';
    else if (text[i] == '$')
      out += std::to_string(owner);
    else
      out += text[i];
  }
  return out;
}

std::string request_generator::statement(owner_id owner) {
  return with_owner(statements[pick(statements.size())], owner);
}

void request_generator::add_simple(plan& to) {
  const auto owner = ++last_owner_;
  auto text = statement(owner);
  for (auto more = pick(3) == 0 ? pick(4) : 0; more != 0; --more)
    text += ";" + statement(owner);
  add(to, 'Q', text + '\0', owner);
}

/// Parse, Bind, Describe, Execute, Sync, and now and then not all of them.
void request_generator::add_extended(plan& to) {
  const auto has_bind = pick(20) != 0;
  const auto owner = ++last_owner_;
  add(to, 'P', "\0"s + statement(owner) + "\0\0\0"s, owner);
  if (pick(6) == 0)
    add(to, 'D', "S\0"s, owner);
  if (has_bind)
    add(to, 'B', "\0\0\0\0\0\0\0\0"s, owner);
  if (has_bind && pick(2) == 0)
    add(to, 'D', "P\0"s, owner);
  // Without a Bind not the unnamed portal: Execute of one that a simple Query
  // left behind in a failed transaction reads freed memory in PostgreSQL 15.
  auto rows = has_bind ? "\0\0\0\0\0"s : "none\0\0\0\0\0"s;
  rows.back() = static_cast<char>(pick(3));
  add(to, 'E', rows, owner);
  if (pick(8) == 0)
    add(to, 'H', {}, owner);
  // PostgreSQL swallows those behind a COPY: one, more than one, none.
  const auto dice = pick(10);
  for (auto syncs = dice == 0 ? 3u : dice == 1 ? 0u : 1u; syncs != 0; --syncs)
    add(to, 'S', {}, owner);
}

/// One message, at any place.
void request_generator::add_wild(plan& to) {
  const auto owner = wild_owner + ++last_owner_;
  const auto name = std::string{names[pick(names.size())]} + '\0';
  switch (pick(10)) {
    case 0:
      add(to, 'P', name + statement(owner) + "\0\0\0"s, owner);
      break;
    case 1:
      add(to, 'B', "w\0"s + name + "\0\0\0\0\0\0"s, owner);
      break;
    case 2:
      add(to, 'D', "S" + name, owner);
      break;
    case 3:
      add(to, 'E', "w\0\0\0\0\0"s, owner);
      break;
    case 4:
      add(to, 'C', "S" + name, owner);
      break;
    case 5:
      add(to, 'C', "P" + name, owner);
      break;
    case 6:
      add(to, 'H', {}, owner);
      break;
    case 7:
      add(to, 'D', "?"s, owner); // Malformed.
      break;
    default:
      add(to, 'S', {}, owner);
  }
}

/// int4pl, without and with an error.
void request_generator::add_function(plan& to) {
  const auto owner = ++last_owner_;
  const auto good = "\0\0\0\xb1\0\0\0\2\0\0\0\1"
                    "1\0\0\0\1"
                    "2\0\0"s;
  const auto no_such = "\0\x7f\0\0\0\0\0\0\0\0"s;
  add(to, 'F', pick(3) == 0 ? no_such : good, owner);
}

void request_generator::add_copy(plan& to) {
  const auto owner = wild_owner + ++last_owner_;
  for (auto rows = pick(3); rows != 0; --rows) {
    constexpr std::array data{"1\n", "2\n3\n", "4", "\n", "\\.\n", "x\n", ""};
    add(to, 'd', data[pick(data.size())], owner);
  }
  switch (pick(9)) {
    case 0:
    case 1:
    case 2:
      add(to, 'c', {}, owner);
      break;
    case 3:
    case 4:
      add(to, 'f', "no\0"s, owner);
      break;
    case 5:
    case 6:
      add(to, 'S', {}, owner);
      break;
    case 7:
      add(to, 'H', {}, owner);
      break;
    default:
      break;
  }
}

void request_generator::add_replication(plan& to,
                                        reply_mirror::copy_state copy) {
  const auto owner = ++last_owner_;
  if (copy == reply_mirror::copy_state::both && pick(8) != 0) {
    // 'r': a standby's status, all zeros.
    if (pick(2) == 0)
      add(to, 'd', "r" + std::string(33, '\0'), owner);
    else
      add(to, 'c', {}, owner);
    return;
  }
  if (pick(6) == 0) {
    add_wild(to);
    return;
  }
  const auto command = replication_commands[pick(replication_commands.size())];
  add(to, 'Q', with_owner(command, owner) + '\0', owner);
}

} // namespace cenote::protocol::test
