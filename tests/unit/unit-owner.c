/* SPDX-License-Identifier: BSD-3-Clause */

/* Who owns a log: logd/served/lease.h. */

#include "config.h"

#undef NDEBUG
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "deadline.h"
#include "lease.h"
#include "suite.h"
#include "unit-wait.h"

#define LENGTH (10 * NSEC_PER_SEC)
#define SEC NSEC_PER_SEC

static struct lease lease;
static uint64_t now;

static void
setup (void)
{
  memset (&lease, 0, sizeof lease);
  now = 1000 * SEC;
}

static struct lease_holder
holder (char who)
{
  struct lease_holder h = {.host = {who, '\0'}, .pid = 1};

  memset (h.session, who, sizeof h.session);
  return h;
}

static enum lease_answer
ask (char who, uint64_t again)
{
  struct lease_holder h = holder (who);

  return lease_ask (&lease, h.session, again);
}

static void
grant (char who)
{
  struct lease_holder h = holder (who);
  struct lease_record record = lease_granted (&lease, &h, LENGTH);

  lease_set (&lease, &record, now);
}

static bool
owns (char who)
{
  struct lease_holder h = holder (who);

  return lease.record.held &&
         memcmp (h.session, lease.record.holder.session, PROTO_ID_SIZE) == 0;
}

TEST (free_log_is_granted_with_a_new_epoch)
{
  ck_assert_int_eq (ask ('A', 0), LEASE_GRANT);
  grant ('A');
  ck_assert (owns ('A'));
  ck_assert_uint_eq (lease.record.epoch, 1);
  ck_assert_uint_eq (lease_left (&lease, now), LENGTH);
}

TEST (others_wait_until_a_tick_ends_the_lease)
{
  grant ('A');
  ck_assert_int_eq (ask ('B', 0), LEASE_WAIT);
  now += LENGTH - 1;
  ck_assert (!lease_tick (&lease, now));
  now += 1;
  ck_assert_int_eq (ask ('B', 0), LEASE_WAIT);
  ck_assert (lease_tick (&lease, now));
  ck_assert_int_eq (ask ('B', 0), LEASE_GRANT);
  grant ('B');
  ck_assert_uint_eq (lease.record.epoch, 2);
}

TEST (renewal_read_before_the_tick_counts)
{
  grant ('A');
  now += 2 * LENGTH;
  lease_renew (&lease, now);
  ck_assert (!lease_tick (&lease, now));
  ck_assert_int_eq (ask ('B', 0), LEASE_WAIT);
}

TEST (holder_may_come_late_if_nobody_else_came)
{
  grant ('A');
  now += 2 * LENGTH;
  ck_assert (lease_tick (&lease, now));
  ck_assert_int_eq (ask ('A', 1), LEASE_AGAIN);
  ck_assert_int_eq (ask ('A', 0), LEASE_AGAIN);
  grant ('A');
  ck_assert_uint_eq (lease.record.epoch, 1);
  ck_assert (!lease_tick (&lease, now));
}

TEST (one_of_many_wins)
{
  grant ('A');
  now += LENGTH;
  lease_tick (&lease, now);
  ck_assert_int_eq (ask ('B', 0), LEASE_GRANT);
  ck_assert_int_eq (ask ('C', 0), LEASE_GRANT);
  grant ('B');
  ck_assert_int_eq (ask ('C', 0), LEASE_WAIT);
  ck_assert_int_eq (ask ('A', 0), LEASE_WAIT);
  ck_assert_int_eq (ask ('A', 1), LEASE_STALE);
}

TEST (again_needs_session_and_epoch)
{
  ck_assert_int_eq (ask ('A', 1), LEASE_OTHER);
  grant ('A');
  ck_assert_int_eq (ask ('A', 2), LEASE_OTHER);
  ck_assert_int_eq (ask ('B', 1), LEASE_STALE);
  now += LENGTH;
  lease_tick (&lease, now);
  ck_assert_int_eq (ask ('B', 1), LEASE_STALE);
  grant ('B');
  ck_assert_int_eq (ask ('B', 1), LEASE_STALE);
  ck_assert_int_eq (ask ('B', 2), LEASE_AGAIN);
}

TEST (released_log_is_free_but_not_the_old_sessions)
{
  struct lease_record record;

  grant ('A');
  record = lease_released (&lease);
  lease_set (&lease, &record, now);
  ck_assert (!lease_tick (&lease, now + LENGTH));
  ck_assert_int_eq (ask ('A', 1), LEASE_STALE);
  ck_assert_int_eq (ask ('B', 0), LEASE_GRANT);
  ck_assert_int_eq (ask ('A', 0), LEASE_GRANT);
  grant ('A');
  ck_assert_uint_eq (lease.record.epoch, 2);
}

TEST (fenced_log_is_free_and_the_epoch_over)
{
  struct lease_record record;

  grant ('A');
  record = lease_fenced (&lease);
  lease_set (&lease, &record, now);
  ck_assert_uint_eq (lease.record.epoch, 2);
  ck_assert_int_eq (ask ('A', 1), LEASE_STALE);
  ck_assert_int_eq (ask ('A', 2), LEASE_STALE);
  ck_assert_int_eq (ask ('B', 0), LEASE_GRANT);
  grant ('B');
  ck_assert_uint_eq (lease.record.epoch, 3);
}

TEST (restart_gives_the_holder_a_full_lease)
{
  struct lease_record record;

  grant ('A');
  record = lease.record;
  memset (&lease, 0, sizeof lease);
  now += 50 * LENGTH;
  lease_restore (&lease, &record, now);
  ck_assert_int_eq (ask ('B', 0), LEASE_WAIT);
  ck_assert_int_eq (ask ('A', 1), LEASE_AGAIN);
  ck_assert (!lease_tick (&lease, now + LENGTH - 1));
  ck_assert (lease_tick (&lease, now + LENGTH));
  ck_assert_int_eq (ask ('B', 0), LEASE_GRANT);
}

TEST (restart_counts_with_the_length_that_was_promised)
{
  struct lease_record record;

  grant ('A');
  record = lease.record;
  record.length = 60 * SEC;
  lease_restore (&lease, &record, now);
  ck_assert_uint_eq (lease_left (&lease, now), 60 * SEC);
}

TEST (absence_of_the_server_does_not_count)
{
  grant ('A');
  now += 50 * LENGTH;
  lease_absent (&lease, 50 * LENGTH - 2 * SEC, now);
  ck_assert (!lease_tick (&lease, now));
  ck_assert_uint_eq (lease_left (&lease, now), LENGTH - 2 * SEC);
}

TEST (absence_makes_no_lease_longer_than_a_full_one)
{
  grant ('A');
  now += 50 * LENGTH;
  lease_renew (&lease, now);
  lease_absent (&lease, 50 * LENGTH, now);
  ck_assert_uint_eq (lease_left (&lease, now), LENGTH);
}

/* Sessions that come, renew, vanish and come back, messages that take time,
 * a server that is killed, stopped, and told to take logs away: never are
 * there two who believe that the log is theirs, and nobody believes so whose
 * epoch is over.
 */
#define NR_SESSIONS 5
#define STEPS 300000

struct session {
  char who;
  uint64_t epoch, until; /* as it sees it */
  uint64_t asked;        /* when the request on its way was sent; 0: none */
  bool dead;
};

static struct session sessions[NR_SESSIONS];
static uint64_t seed;

static void
check_one_owner (void)
{
  unsigned valid = 0;

  for (unsigned i = 0; i < NR_SESSIONS; ++i)
    if (now < sessions[i].until) {
      ++valid;
      ck_assert (owns (sessions[i].who));
      ck_assert_uint_eq (sessions[i].epoch, lease.record.epoch);
    }
  ck_assert_uint_le (valid, 1);
}

static void
send_request (struct session *s)
{
  if (!s->asked && !s->dead)
    s->asked = now;
}

/* The request arrives: the lease counts from when it was sent. */
static void
arrive (struct session *s)
{
  enum lease_answer answer;

  if (!s->asked)
    return;
  answer = ask (s->who, s->epoch);
  if (answer == LEASE_AGAIN || answer == LEASE_GRANT) {
    grant (s->who);
    s->epoch = lease.record.epoch;
    s->until = s->asked + lease.record.length;
  }
  else if (answer != LEASE_WAIT)
    s->epoch = 0; /* a new run */
  s->asked = 0;
}

static void
restart (void)
{
  struct lease_record record = lease.record;

  memset (&lease, 0, sizeof lease);
  now += random_next (&seed) % (2 * LENGTH);
  lease_restore (&lease, &record, now);
}

static void
stop_for_a_while (void)
{
  uint64_t ns = random_next (&seed) % (2 * LENGTH);

  now += ns;
  lease_absent (&lease, ns, now);
}

/* Only of one who is known to be dead. */
static void
fence_dead (void)
{
  for (unsigned i = 0; i < NR_SESSIONS; ++i)
    if (sessions[i].dead && owns (sessions[i].who)) {
      struct lease_record record = lease_fenced (&lease);

      lease_set (&lease, &record, now);
      sessions[i].until = 0;
    }
}

static void
release_one (struct session *s)
{
  struct lease_record record = lease_released (&lease);

  if (!owns (s->who) || s->dead || s->epoch != lease.record.epoch)
    return;
  s->until = s->epoch = 0;
  lease_set (&lease, &record, now);
}

static void
step (void)
{
  struct session *s = &sessions[random_next (&seed) % NR_SESSIONS];

  switch (random_next (&seed) % 64) {
  case 0:
    restart ();
    break;
  case 1:
    stop_for_a_while ();
    break;
  case 2:
    s->dead = true;
    break;
  case 3:
    fence_dead ();
    break;
  case 4:
    release_one (s);
    break;
  case 5:
    s->dead = false;
    break;
  default:
    now += random_next (&seed) % (2 * SEC);
    send_request (s);
    arrive (&sessions[random_next (&seed) % NR_SESSIONS]);
    lease_tick (&lease, now);
  }
}

TEST (never_two_owners)
{
  unsigned owned = 0;

  seed = 12345;
  for (unsigned i = 0; i < NR_SESSIONS; ++i)
    sessions[i] = (struct session){.who = (char) ('A' + i)};
  for (unsigned i = 0; i < STEPS; ++i) {
    step ();
    check_one_owner ();
    owned += lease.record.held && !lease.over;
  }
  ck_assert_uint_gt (lease.record.epoch, 1000);
  ck_assert_uint_gt (owned, STEPS / 4);
}

static struct suite_group tests = {
  .setup = setup,
  .timeout = 60,
};

int
main (void)
{
  return suite_main ("owner");
}
