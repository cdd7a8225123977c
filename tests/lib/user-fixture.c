/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "deadline.h"
#include "log-life.h"
#include "msg.h"
#include "user-fixture.h"

const struct log_geometry user_geo = {
  .size = NR * (uint64_t) REGION - 512,
  .region_size = REGION,
  .nr_regions = NR,
};

/* --- messages --- */

#define MAX_SAID 256

static pthread_mutex_t said_lock = PTHREAD_MUTEX_INITIALIZER;
static char lines[MAX_SAID][300];
static unsigned nr_lines;

void
msg_error (const char *fmt, ...)
{
  int err = errno;
  va_list args;
  CLEANUP_LOCK (&said_lock);

  if (nr_lines < MAX_SAID) {
    errno = err;
    va_start (args, fmt);
    vsnprintf (lines[nr_lines], sizeof lines[0], fmt, args);
    va_end (args);
    fprintf (stderr, "said: %s\n", lines[nr_lines++]);
  }
  errno = err;
}

void
msg_debug (const char *fmt, ...)
{
  (void) fmt;
}

unsigned
said (const char *text)
{
  unsigned n = 0;
  CLEANUP_LOCK (&said_lock);

  for (unsigned i = 0; i < nr_lines; ++i)
    n += strstr (lines[i], text) != NULL;
  return n;
}

void
said_nothing (void)
{
  CLEANUP_LOCK (&said_lock);

  nr_lines = 0;
}

/* --- the log --- */

const char *
user_spec (struct fake_logd *f)
{
  static char spec[160];

  if (f->path[0])
    snprintf (spec, sizeof spec, "userspace:%s/the-log", f->path);
  else
    snprintf (spec, sizeof spec, "userspace:127.0.0.1:%u/the-log", f->port);
  return spec;
}

uint64_t
in_seconds (double seconds)
{
  return now_ns () + (uint64_t) (seconds * NSEC_PER_SEC);
}

struct dirty_log *
user_open (struct fake_logd *f, unsigned flags)
{
  struct dirty_log *log = dirty_log_open (user_spec (f), flags);

  ck_assert_ptr_nonnull (log);
  return log;
}

void
user_add_legs (struct dirty_log *log, unsigned nr)
{
  const uint8_t id[LOG_ID_SIZE] = {1, 2, 3};
  char name[16];

  for (unsigned s = 0; s < nr; ++s) {
    snprintf (name, sizeof name, "/leg%u", s);
    dirty_log_set_leg (log, s, 2, id, log->info.geo.size, name);
    dirty_log_set_region_sync (log, s, 0, log->info.geo.nr_regions, true);
    dirty_log_leg_in_sync (log, s);
  }
}

struct dirty_log *
user_create (struct fake_logd *f)
{
  struct dirty_log *log = user_open (f, 0);

  ck_assert_int_eq (log->info.found, LOG_FOUND_NEW);
  ck_assert_int_eq (dirty_log_create (log, &user_geo, 1), 0);
  user_add_legs (log, 2);
  ck_assert_int_eq (dirty_log_commit (log, NO_DEADLINE), 0);
  return log;
}

struct dirty_log *
user_start_new (struct fake_logd *f)
{
  struct dirty_log *log = user_create (f);

  ck_assert_int_eq (dirty_log_start (log), 0);
  return log;
}

bool
user_is_disconnected (struct dirty_log *log)
{
  CLEANUP_LOCK (&log->lock);

  return log->disconnected;
}

/* --- the server --- */

unsigned
fake_count (struct fake_logd *f, const unsigned *field)
{
  CLEANUP_LOCK (&f->lock);

  return *field;
}

static const struct bitset *
truth (const struct dirty_log *log, unsigned map)
{
  return map == LOG_MAP_MARKED ? &log->marked : &log->missed[map - 1];
}

static bool
differs (const char *what, unsigned n, uint64_t region)
{
  fprintf (stderr, "differs: %s %u, region %u\n", what, n, (unsigned) region);
  return false;
}

static bool
maps_ok (struct fake_logd *f, struct dirty_log *log, bool equal)
{
  for (unsigned m = 0; m < LOG_NR_MAPS; ++m)
    for (uint64_t r = 0; r < log->info.geo.nr_regions; ++r) {
      bool want = bitset_test (truth (log, m), r), have = f->disk.map[m][r];

      if (want ? !have : equal && have)
        return differs ("map", m, r);
    }
  return true;
}

static bool
legs_ok (struct fake_logd *f, struct dirty_log *log, bool equal)
{
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s) {
    enum log_leg_state want = log->record.leg[s].state, have = f->disk.leg[s];

    if (want != have && (equal || want != LOG_LEG_IN_SYNC))
      return differs ("leg", s, 0);
    if (equal && want &&
        log->record.leg[s].generation != f->disk.leg_generation[s])
      return differs ("generation of leg", s, 0);
  }
  return true;
}

static bool
disk_is (struct fake_logd *f, struct dirty_log *log, bool equal)
{
  CLEANUP_LOCK (&f->lock);

  pthread_mutex_lock (&log->lock);
  bool ok =
    f->disk.exists && f->disk.nr_regions == log->info.geo.nr_regions &&
    memcmp (f->disk.uuid, log->info.uuid, sizeof log->info.uuid) == 0 &&
    f->disk.generation == log->record.generation &&
    f->disk.primary == log->record.primary && maps_ok (f, log, equal) &&
    legs_ok (f, log, equal);
  pthread_mutex_unlock (&log->lock);
  return ok;
}

bool
disk_covers (struct fake_logd *f, struct dirty_log *log)
{
  return disk_is (f, log, false);
}

bool
disk_equals (struct fake_logd *f, struct dirty_log *log)
{
  return disk_is (f, log, true);
}
