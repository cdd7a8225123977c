/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <string.h>

#include "lease.h"

static bool
is_holder (const struct lease *l, const uint8_t session[PROTO_ID_SIZE])
{
  return l->record.held &&
         memcmp (l->record.holder.session, session, PROTO_ID_SIZE) == 0;
}

static enum lease_answer
ask_again (const struct lease *l, const uint8_t session[PROTO_ID_SIZE],
           uint64_t epoch)
{
  if (epoch > l->record.epoch)
    return LEASE_OTHER;
  if (epoch < l->record.epoch || !is_holder (l, session))
    return LEASE_STALE;
  return LEASE_AGAIN;
}

enum lease_answer
lease_ask (const struct lease *l, const uint8_t session[PROTO_ID_SIZE],
           uint64_t again)
{
  if (again)
    return ask_again (l, session, again);
  if (is_holder (l, session))
    return LEASE_AGAIN;
  return l->record.held && !l->over ? LEASE_WAIT : LEASE_GRANT;
}

struct lease_record
lease_granted (const struct lease *l, const struct lease_holder *holder,
               uint64_t length)
{
  bool again = is_holder (l, holder->session);
  struct lease_record record = {
    .epoch = l->record.epoch + !again,
    .held = true,
    .holder = *holder,
    .length = again ? l->record.length : length,
  };

  return record;
}

struct lease_record
lease_released (const struct lease *l)
{
  struct lease_record record = l->record;

  record.held = false;
  return record;
}

struct lease_record
lease_fenced (const struct lease *l)
{
  struct lease_record record = lease_released (l);

  record.epoch++;
  return record;
}

void
lease_set (struct lease *l, const struct lease_record *record, uint64_t now)
{
  l->record = *record;
  lease_renew (l, now);
}

void
lease_restore (struct lease *l, const struct lease_record *record,
               uint64_t started)
{
  lease_set (l, record, started);
}

void
lease_renew (struct lease *l, uint64_t now)
{
  l->until = now + l->record.length;
  l->over = false;
}

bool
lease_tick (struct lease *l, uint64_t now)
{
  if (l->record.held && now >= l->until)
    l->over = true;
  return l->over;
}

void
lease_absent (struct lease *l, uint64_t ns, uint64_t now)
{
  uint64_t longest = now + l->record.length;

  if (l->over)
    return;
  l->until += ns;
  if (l->until > longest) /* it was renewed since */
    l->until = longest;
}

uint64_t
lease_left (const struct lease *l, uint64_t now)
{
  return l->record.held && now < l->until ? l->until - now : 0;
}
