#include <sys/resource.h>

#include <csignal>
#include <cstdio>
#include <string>
#include <utility>

#include <CLI/CLI.hpp>

#include "app/daemon.hpp"
#include "app/settings.hpp"
#include "app/version.hpp"
#include "base/log.hpp"
#include "configs/load.hpp"

namespace {

using namespace cenote;

void print(const char* kind, const std::vector<configs::problem>& problems) {
  for (auto& one : problems)
    std::fprintf(stderr, "%s: %s\n", kind, configs::to_string(one).c_str());
}

/// Every client and every server is a descriptor: take all we may have.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
    return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

} // namespace

int main(int argc, char** argv) {
  CLI::App cli{"cenote: a multi-tenant PostgreSQL connection pooler"};
  cli.set_version_flag("--version", std::string{"cenote "} + app::version);
  std::string file;
  bool only_check = false;
  cli.add_option("FILE", file, "Configuration file (TOML)")->required();
  cli.add_flag("--check", only_check,
               "Validate FILE, print what is wrong, and exit");
  cli.footer("Signals: HUP reload, TERM/INT drain (again: end now), QUIT end "
             "now, USR1 pause, USR2 resume.\n"
             "Examples: cenote --check /etc/cenote/cenote.toml\n"
             "          cenote /etc/cenote/cenote.toml");
  CLI11_PARSE(cli, argc, argv);

  auto loaded = configs::load_file(file, app::load_options_of());
  print("warning", loaded.warnings);
  print("error", loaded.errors);
  if (!loaded) {
    std::fprintf(stderr, "%s: not usable, nothing was started\n", file.c_str());
    return 1;
  }
  if (only_check) {
    std::printf("%s: valid, %zu tenants\n", file.c_str(),
                loaded.config->catalog->tenants().size());
    return 0;
  }
  std::signal(SIGPIPE, SIG_IGN);
  raise_descriptor_limit();
  log::configure(loaded.config->process.log.level,
                 loaded.config->process.log.format);
  auto code = app::daemon{file, std::move(*loaded.config)}.run();
  log::flush();
  return code;
}
