/* SPDX-License-Identifier: BSD-3-Clause */

/* Which leg an order means, and what orders share. */

#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uuid/uuid.h>

#include "acknowledge.h"
#include "cleanup.h"
#include "mirror-impl.h"
#include "order-impl.h"
#include "record-order.h"

#define SLICE_NS (500 * NSEC_PER_MSEC) /* between looks whether all ends */

/* --- outcomes --- */

int
order_done (struct outcome *out, const char *fmt, ...)
{
  va_list args;

  va_start (args, fmt);
  vsnprintf (out->text, sizeof out->text, fmt, args);
  va_end (args);
  out->changed = true;
  return 0;
}

int
order_unchanged (struct outcome *out, const char *fmt, ...)
{
  va_list args;

  va_start (args, fmt);
  vsnprintf (out->text, sizeof out->text, fmt, args);
  va_end (args);
  out->changed = false;
  return 0;
}

int
order_refuse (struct outcome *out, const char *fmt, ...)
{
  va_list args;

  va_start (args, fmt);
  vsnprintf (out->text, sizeof out->text, fmt, args);
  va_end (args);
  out->changed = false;
  return -1;
}

/* --- values --- */

bool
order_parse_bytes (const char *value, uint64_t *bytes)
{
  static const char units[] = "bkmgtpe";
  unsigned long long n;
  const char *unit;
  char *end;

  errno = 0;
  n = strtoull (value, &end, 10);
  if (value[0] < '0' || value[0] > '9' || errno != 0)
    return false;
  *bytes = n;
  if (*end == '\0')
    return true;
  unit = strchr (units, *end | 0x20);
  return unit && end[1] == '\0' &&
         !__builtin_mul_overflow (n, UINT64_C (1) << (10 * (unit - units)),
                                  bytes);
}

/* --- which leg --- */

static bool
is_number (const char *text)
{
  return text[0] != '\0' && text[strspn (text, "0123456789")] == '\0';
}

static bool
has_uuid (struct mirror *m, const char *text, unsigned *slot)
{
  uuid_t id;
  CLEANUP_LOCK (&m->records.lock);

  if (uuid_parse (text, id) == -1 || record_no_id (id))
    return false;
  FOR_EACH_SLOT (s, m->configured)
    if (record_same_id (m->records.id[s], id)) {
      *slot = s;
      return true;
    }
  return false;
}

static bool
has_number_or_name (struct mirror *m, const char *text, unsigned *slot)
{
  bool number = is_number (text) && strlen (text) <= 3;
  CLEANUP_LOCK (&m->lock);

  FOR_EACH_SLOT (s, m->configured)
    if (number ? m->member[s].index == strtoul (text, NULL, 10)
               : strcmp (m->member[s].name, text) == 0) {
      *slot = s;
      return true;
    }
  return false;
}

int
order_find_leg (struct mirror *m, const char *leg, unsigned *slot,
                struct outcome *out)
{
  char known[ORDER_TEXT_SIZE / 2] = "";
  size_t len = 0;

  if (leg[0] != '\0' &&
      (has_number_or_name (m, leg, slot) || has_uuid (m, leg, slot)))
    return 0;
  CLEANUP_LOCK (&m->lock);
  FOR_EACH_SLOT (s, m->configured) {
    if (len < sizeof known)
      len += (size_t) snprintf (known + len, sizeof known - len, "%s%u (%s)",
                                len > 0 ? ", " : "", m->member[s].index,
                                m->member[s].name);
  }
  return order_refuse (out,
                       "no leg has the number, name or uuid \"%.200s\": "
                       "the legs are %s",
                       leg, known);
}

/* --- what all of them need --- */

static bool
can_be_source (const struct mirror *m, unsigned slot)
{
  struct leg *leg = m->member[slot].leg;

  return !(m->hold.legs & SLOT_BIT (slot)) && !atomic_load (&leg->lost) &&
         atomic_load (&leg->flush_error) == 0;
}

static const char *
others_are (const struct mirror *m, unsigned slot)
{
  if (m->in_sync != SLOT_BIT (slot))
    return "the other in-sync legs can't be reached";
  return m->resyncing ? "it is the source of the copy that runs"
                      : "it is the last in-sync leg";
}

bool
order_needs_leg_locked (const struct mirror *m, unsigned slot, char *why,
                        unsigned size)
{
  if (!(m->in_sync & SLOT_BIT (slot)))
    return false;
  FOR_EACH_SLOT (s, m->in_sync & ~SLOT_BIT (slot))
    if (can_be_source (m, s))
      return false;
  snprintf (why, size, "%s", others_are (m, slot));
  return true;
}

/* One try to record the failures that there are. */
static bool
is_recorded (struct mirror *m, uint64_t deadline, bool *ends)
{
  uint64_t slice = now_ns () + SLICE_NS;
  CLEANUP_LOCK (&m->lock);

  *ends = m->orders_end || now_ns () >= deadline;
  if (m->failures_recorded < m->failures && !*ends)
    record_failures_locked (m, slice < deadline ? slice : deadline);
  return m->failures_recorded >= m->failures;
}

static bool
is_held (struct mirror *m)
{
  CLEANUP_LOCK (&m->lock);
  return m->hold.legs != 0;
}

bool
order_record (struct mirror *m, struct outcome *out)
{
  uint64_t deadline = log_deadline (m, now_ns ());
  bool ends = false;

  while (!ends)
    if (is_recorded (m, deadline, &ends))
      return true;
  if (is_held (m))
    order_refuse (out, "the last in-sync leg is away: it is done in memory, "
                       "and is recorded when that leg is back");
  else
    order_refuse (out, "the log can't be written: it is done in memory, and "
                       "is recorded as soon as the log works");
  return false;
}
