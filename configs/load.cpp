#include "configs/load.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "configs/build.hpp"
#include "configs/check.hpp"
#include "configs/document.hpp"
#include "configs/problems.hpp"
#include "configs/schema.hpp"
#include "configs/section.hpp"

namespace cenote::configs {

namespace {

/// Some 100,000 tenants; more belong into a store.
constexpr auto config_bytes_max = std::uintmax_t{64} << 20;

/// Keys and values of the file appear in messages; they must not move the
/// reader's cursor.
std::string printable(std::string text) {
  std::replace_if(
    text.begin(), text.end(),
    [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; },
    '?');
  return text;
}

void sort_by_line(std::vector<problem>& list) {
  std::stable_sort(
    list.begin(), list.end(),
    [](const problem& a, const problem& b) { return a.line < b.line; });
}

loaded conclude(std::optional<config> made, problems found, file_stamps files) {
  auto out = loaded{};
  out.files = std::move(files);
  sort_by_line(found.errors);
  sort_by_line(found.warnings);
  if (found.errors.empty())
    out.config = std::move(made);
  if (out.config)
    out.config->files = out.files;
  out.errors = std::move(found.errors);
  out.warnings = std::move(found.warnings);
  return out;
}

loaded unreadable(const std::string& path, std::string why, file_stamps files) {
  auto found = problems{path};
  found.error(ec::config_unreadable, 0, {}, std::move(why));
  return conclude({}, std::move(found), std::move(files));
}

/// `files`: those that were read to get the text.
loaded load(std::string_view text, const std::string& name,
            const load_options& options, file_stamps files) {
  auto found = problems{name};
  auto parsed = read_toml(text);
  if (auto* why = std::get_if<syntax_error>(&parsed)) {
    found.error(ec::config_syntax, why->line, {},
                "syntax error: " + why->message);
    return conclude({}, std::move(found), std::move(files));
  }
  const auto& document = *std::get_if<table>(&parsed);
  check(document, found);
  auto refs = references{name, options};
  auto root = section{root_section(), document, {}, found};
  auto made = build(root, refs, options.version);
  files.insert(refs.files().begin(), refs.files().end());
  return conclude(std::move(made), std::move(found), std::move(files));
}

} // namespace

std::string to_string(const problem& what) {
  auto out = what.file;
  if (what.line > 0)
    out += ':' + std::to_string(what.line);
  out += ": ";
  if (!what.key.empty())
    out += what.key + ": ";
  return printable(out + what.message);
}

loaded load_text(std::string_view text, const std::string& name,
                 const load_options& options) {
  return load(text, name, options, {});
}

loaded load_file(const std::string& path, const load_options& options) {
  auto files = file_stamps{{path, stamp_of(path)}};
  auto error = std::error_code{};
  if (!std::filesystem::exists(path, error))
    return unreadable(path, "no such file", std::move(files));
  if (!std::filesystem::is_regular_file(path, error))
    return unreadable(path, "not a file", std::move(files));
  if (std::filesystem::file_size(path, error) > config_bytes_max)
    return unreadable(path, "larger than 64 MiB", std::move(files));
  auto in = std::ifstream{path, std::ios::binary};
  if (!in)
    return unreadable(path, "cannot be read", std::move(files));
  auto text = std::string{std::istreambuf_iterator<char>{in}, {}};
  if (in.bad())
    return unreadable(path, "cannot be read", std::move(files));
  return load(text, path, options, std::move(files));
}

} // namespace cenote::configs
