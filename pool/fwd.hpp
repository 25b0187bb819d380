#pragma once

namespace cenote::pool {

class backoff;
class fair_queue;
class ledger;
class restart_intensity;
class roster;

} // namespace cenote::pool
