#pragma once

#include <string_view>

#include "configs/document.hpp"
#include "configs/problems.hpp"
#include "configs/schema.hpp"

namespace cenote::configs {

/// Compares a document with the schema: unknown keys, wrong types, values out
/// of range, missing keys. What two settings say against each other is for
/// `build` to find.
void check(const table& document, problems& out);

/// What is wrong with `content` as a value of `rule`; `ec::none` if nothing.
[[nodiscard]] result<void> check_value(const key_rule& rule,
                                       const value& content);

} // namespace cenote::configs
