/* SPDX-License-Identifier: BSD-3-Clause */

/* The parameters that can change while the mirror runs: one table.  Each value
 * is read where it is needed, so the next request, copy or connection goes by
 * the new one.  Nothing of it is recorded: a restart goes by the command line.
 */

#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "mirror-impl.h"
#include "msg.h"
#include "order-impl.h"

#define MAX_SECONDS 3600

static const char *const policies[] = {
  [READ_AUTO] = "auto",
  [READ_FIRST] = "first",
  [READ_ROUND_ROBIN] = "round-robin",
};
#define NR_POLICIES (sizeof policies / sizeof policies[0])

const char *
read_policy_name (enum read_policy policy)
{
  return policies[policy];
}

/* --- values --- */

static bool
parse_number (const char *value, unsigned min, unsigned max, unsigned *n)
{
  size_t len = strlen (value);

  if (len == 0 || len > 9 || value[strspn (value, "0123456789")] != '\0')
    return false;
  *n = (unsigned) strtoul (value, NULL, 10);
  return *n >= min && *n <= max;
}

/* --- one kind of parameter each; 1: changes, 0: as it is, -1: refused --- */

static int
set_policy (struct mirror *m, const struct order *order, struct outcome *out)
{
  size_t policy = 0;

  while (policy < NR_POLICIES && strcmp (policies[policy], order->value) != 0)
    ++policy;
  if (policy == NR_POLICIES)
    return order_refuse (out, "read-policy must be auto, first or "
                              "round-robin");
  if (m->config.read_policy == policy)
    return 0;
  if (!order->dry_run)
    m->config.read_policy = (enum read_policy) policy;
  return 1;
}

static int
set_write_mostly (struct mirror *m, const struct order *order,
                  struct outcome *out)
{
  int leg = -1;
  unsigned slot;

  if (strcmp (order->value, "none") != 0) {
    if (order_find_leg (m, order->value, &slot, out) == -1)
      return -1;
    leg = (int) m->member[slot].index;
  }
  if (m->config.write_mostly == leg)
    return 0;
  if (!order->dry_run)
    m->config.write_mostly = leg;
  return 1;
}

/* The floor never is above the ceiling. */
static int
set_rate (struct mirror *m, const struct order *order, struct outcome *out)
{
  bool floor = strcmp (order->name, "resync-min") == 0;
  atomic_uint_fast64_t *rate =
    floor ? &m->config.resync_min : &m->config.resync_rate;
  uint64_t bytes, ceiling = m->config.resync_rate;

  if (!order_parse_bytes (order->value, &bytes) || bytes > INT64_MAX)
    return order_refuse (out,
                         "%s must be a number of bytes per second, for "
                         "example 10M%s",
                         order->name, floor ? "" : "; 0: no limit");
  if (floor && ceiling > 0 && bytes > ceiling)
    return order_refuse (out, "resync-min is above resync-rate, %" PRIu64,
                         ceiling);
  if (*rate == bytes)
    return 0;
  if (!order->dry_run) {
    *rate = bytes;
    if (!floor && bytes > 0 && m->config.resync_min > bytes)
      m->config.resync_min = bytes;
  }
  return 1;
}

static const struct {
  const char *name;
  unsigned min;
  size_t at;  /* in mirror_config */
  size_t leg; /* in leg_options; 0: not there */
} timeouts[] = {
#define AT(field) offsetof (struct mirror_config, field)
#define LEG(field) offsetof (struct leg_options, field)
  {"leg-timeout", 1, AT (leg_timeout), LEG (timeout_ns)},
  {"flush-timeout", 1, AT (flush_timeout), LEG (flush_timeout_ns)},
  {"leg-fail-after", 0, AT (leg_fail_after), LEG (fail_after_ns)},
  {"local-timeout", 1, AT (local_timeout), 0},
  {"log-timeout", 1, AT (log_timeout), 0},
  {"hold-timeout", 1, AT (hold_timeout), 0},
  {"quarantine", 0, AT (quarantine), 0},
#undef AT
#undef LEG
};
#define NR_TIMEOUTS (sizeof timeouts / sizeof timeouts[0])

static size_t
find_timeout (const char *name)
{
  size_t i = 0;

  while (i < NR_TIMEOUTS && strcmp (timeouts[i].name, name) != 0)
    ++i;
  return i;
}

static void
tell_legs (struct mirror *m, size_t field, uint64_t ns)
{
  CLEANUP_LOCK (&m->lock);

  FOR_EACH_SLOT (slot, m->configured) {
    struct leg *leg = m->member[slot].leg;

    if (leg)
      atomic_store ((atomic_uint_fast64_t *) ((char *) &leg->options + field),
                    ns);
  }
}

static int
set_timeout (struct mirror *m, const struct order *order, struct outcome *out)
{
  size_t i = find_timeout (order->name);
  atomic_uint *value = (atomic_uint *) ((char *) &m->config + timeouts[i].at);
  unsigned seconds;

  if (!parse_number (order->value, timeouts[i].min, MAX_SECONDS, &seconds))
    return order_refuse (out, "%s must be between %u and %d seconds",
                         order->name, timeouts[i].min, MAX_SECONDS);
  if ((value == &m->config.hold_timeout ||
       value == &m->config.local_timeout) &&
      *value == 0)
    return order_refuse (out, "%s is 0, and only a restart can change that",
                         order->name);
  if (*value == seconds)
    return 0;
  if (order->dry_run)
    return 1;
  *value = seconds;
  if (timeouts[i].leg > 0)
    tell_legs (m, timeouts[i].leg, seconds * NSEC_PER_SEC);
  if (value == &m->config.quarantine)
    m->quarantine_ns = seconds * NSEC_PER_SEC;
  if (value == &m->config.local_timeout)
    m->local_timeout_ns = seconds * NSEC_PER_SEC;
  return 1;
}

/* --- all of them --- */

typedef int setter (struct mirror *m, const struct order *order,
                    struct outcome *out);

static setter *
find_setter (const char *name)
{
  if (find_timeout (name) < NR_TIMEOUTS)
    return set_timeout;
  if (strcmp (name, "read-policy") == 0)
    return set_policy;
  if (strcmp (name, "write-mostly") == 0)
    return set_write_mostly;
  if (strcmp (name, "resync-rate") == 0 || strcmp (name, "resync-min") == 0)
    return set_rate;
  return NULL;
}

int
order_set (struct mirror *m, const struct order *order, struct outcome *out)
{
  setter *set = find_setter (order->name);
  int r;

  if (!set)
    return order_refuse (
      out,
      "\"%.100s\" can't be changed while the mirror runs; what can: "
      "read-policy, write-mostly, resync-rate, resync-min, leg-timeout, "
      "flush-timeout, leg-fail-after, local-timeout, log-timeout, "
      "hold-timeout, quarantine",
      order->name);
  r = set (m, order, out);
  if (r == -1)
    return -1;
  if (r == 0)
    return order_unchanged (out, "%s is %.200s already", order->name,
                            order->value);
  if (!order->dry_run)
    msg_note ("an operator sets %s=%.200s", order->name, order->value);
  return order_done (out, "%s is %.200s, until a restart", order->name,
                     order->value);
}
