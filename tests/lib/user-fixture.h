/* SPDX-License-Identifier: BSD-3-Clause */

/* For the tests of the log on a server: a fake server, a log on it, what was
 * said to the user, and whether the server's disk is as the truth demands.
 */

#ifndef NBDMIRROR_USER_FIXTURE_H
#define NBDMIRROR_USER_FIXTURE_H

#include "backend.h"
#include "fake-logd.h"

#define NR 1000
#define REGION LOG_MIN_REGION_SIZE

#define LOCKED(f, what) \
  do { \
    pthread_mutex_lock (&(f)->lock); \
    what; \
    pthread_mutex_unlock (&(f)->lock); \
  } while (0)

/* A number of the server's, read with its lock. */
#define COUNT_OF(f, field) fake_count (f, &(f)->field)
unsigned fake_count (struct fake_logd *f, const unsigned *field);

extern const struct log_geometry user_geo;

/* "userspace:SOCKET/NAME".  Valid until the next call. */
const char *user_spec (struct fake_logd *f);

/* Open; create a mirror with two in-sync legs; make it durable. */
struct dirty_log *user_open (struct fake_logd *f, unsigned flags);
struct dirty_log *user_create (struct fake_logd *f);

/* ... and start. */
struct dirty_log *user_start_new (struct fake_logd *f);

void user_add_legs (struct dirty_log *log, unsigned nr);

/* now + seconds */
uint64_t in_seconds (double seconds);

bool user_is_disconnected (struct dirty_log *log);

/* The disk distrusts all that the truth does; it is as the truth. */
bool disk_covers (struct fake_logd *f, struct dirty_log *log);
bool disk_equals (struct fake_logd *f, struct dirty_log *log);

/* Messages: how many there were that contain this text. */
unsigned said (const char *text);
void said_nothing (void); /* forget them */

#endif /* NBDMIRROR_USER_FIXTURE_H */
