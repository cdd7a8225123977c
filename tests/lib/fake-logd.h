/* SPDX-License-Identifier: BSD-3-Clause */

/* A log server for unit tests of its client: one log, one owner, on a Unix
 * socket, with faults on demand.  It has a memory, which changes alter, and
 * a disk: FLUSH makes the disk at least as distrustful as the memory, a
 * commit makes it the same.  What breaks the rules of the protocol is
 * counted as a violation, and said.
 */

#ifndef NBDMIRROR_FAKE_LOGD_H
#define NBDMIRROR_FAKE_LOGD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "dirty-log.h"
#include "proto.h"

#define FAKE_MAX_REGIONS 4096

struct fake_state {
  bool exists;
  uint8_t uuid[16];
  uint64_t size, flush_number;
  uint32_t region_size;
  uint64_t nr_regions;
  uint64_t generation;
  unsigned primary;
  uint32_t min_block;
  enum log_leg_state leg[LOG_MAX_LEGS];
  uint64_t leg_generation[LOG_MAX_LEGS];
  char name[LOG_MAX_LEGS][32];
  bool map[LOG_NR_MAPS][FAKE_MAX_REGIONS];
};

enum fake_die {
  FAKE_BEFORE, /* the frame is lost */
  FAKE_AFTER,  /* it has its effect, but there is no answer */
  FAKE_REPLIED,
};

/* All is protected by lock; changed is signalled at each frame. */
struct fake_logd {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  char path[108];
  unsigned port;

  struct fake_state memory, disk;
  uint64_t epoch;
  uint32_t lease_ms;
  uint8_t session[16], last_session[16];
  bool unclean;

  /* Faults. */
  bool down;         /* no connection is accepted */
  bool mute;         /* nothing is answered */
  bool mute_flush;   /* ... but the rest */
  bool hold;         /* FLUSH waits, before it has an effect */
  unsigned flush_us; /* a FLUSH takes so long */
  enum proto_error fail_flush, fail_attach, fail_renew, fail_create;
  char attach_text[128]; /* of fail_attach, if not "" */
  unsigned fail_times;   /* of fail_flush */
  unsigned wait_ms;      /* ATTACH says E_WAIT for so long */
  unsigned die_type;     /* at a frame of this type; 0 = any */
  unsigned die_count;    /* ... at the so-manieth; 0 = never */
  enum fake_die die_when;
  bool die_restarts; /* ... and the memory is what the disk has */
  bool fail_record;
  uint64_t features; /* HELLO has these */
  bool careless;     /* ATTACH does not check that it is the same log */
  bool long_map;     /* ATTACH sends regions that are not there */

  /* What happened. */
  unsigned violations;
  unsigned connections, deaths;
  unsigned frames[PROTO_NR_TYPES];
  unsigned commits, attach_flags, detach_flags;
  unsigned raised; /* runs of raising changes */

  /* Private. */
  int listener;
  bool stop;
  unsigned nr_threads;
  pthread_t thread;
  struct fake_conn *owner;
  struct fake_conn *conns;
};

/* On a Unix socket (path), or on TCP (port). */
struct fake_logd *fake_logd_new (bool tcp);

/* Ends all connections. */
void fake_logd_free (struct fake_logd *f);

/* All connections end; restart: and the memory is what the disk has. */
void fake_logd_kill (struct fake_logd *f, bool restart);

/* Tell the owner that somebody waits for the log. */
void fake_logd_notice (struct fake_logd *f);

/* Wait until at least nr frames of the type have come, since the start. */
bool fake_logd_wait (struct fake_logd *f, unsigned type, unsigned nr);

#endif /* NBDMIRROR_FAKE_LOGD_H */
