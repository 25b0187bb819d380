#pragma once

// All messages that we look into or make.
#include "protocol/backend_messages.hpp"
#include "protocol/body_prefix.hpp"
#include "protocol/frontend_messages.hpp"
#include "protocol/rows.hpp"
#include "protocol/startup.hpp"
#include "protocol/tags.hpp"
