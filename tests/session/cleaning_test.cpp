#include "session/cleaning.hpp"

#include <boost/test/unit_test.hpp>

using namespace cenote::session;
using cenote::protocol::reply_mirror;
using cenote::protocol::transaction_status;

BOOST_AUTO_TEST_CASE(a_server_with_nothing_on_it_is_clean) {
  BOOST_TEST((next_cleaning_step({}) == cleaning_step::clean));
}

BOOST_AUTO_TEST_CASE(a_message_sent_in_part_cannot_be_saved) {
  stained at;
  at.cut_message = true;
  at.owes = true;
  BOOST_TEST((next_cleaning_step(at) == cleaning_step::close));
}

BOOST_AUTO_TEST_CASE(the_mirrors_remedy_comes_before_waiting) {
  stained at;
  at.owes = true;
  at.remedy = reply_mirror::remedy::sync;
  BOOST_TEST((next_cleaning_step(at) == cleaning_step::remedy));
}

BOOST_AUTO_TEST_CASE(what_runs_is_canceled_once) {
  stained at;
  at.owes = true;
  BOOST_TEST((next_cleaning_step(at) == cleaning_step::cancel));
  at.no_cancel = true;
  BOOST_TEST((next_cleaning_step(at) == cleaning_step::wait));
}

BOOST_AUTO_TEST_CASE(the_work_of_a_client_that_said_goodbye_may_finish) {
  stained at;
  at.owes = true;
  at.goodbye = true;
  BOOST_TEST((next_cleaning_step(at) == cleaning_step::wait));
}

BOOST_AUTO_TEST_CASE(an_open_transaction_is_rolled_back_before_the_reset) {
  for (auto status :
       {transaction_status::in_block, transaction_status::failed}) {
    stained at;
    at.status = status;
    at.dirty = true;
    BOOST_TEST((next_cleaning_step(at) == cleaning_step::rollback));
  }
  stained at;
  at.dirty = true;
  BOOST_TEST((next_cleaning_step(at) == cleaning_step::reset));
}
