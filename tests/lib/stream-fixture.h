/* SPDX-License-Identifier: BSD-3-Clause */

/* Streams in a loop, for tests.  What a stream receives and is told is
 * recorded; a test changes how it reacts by functions of its own.
 */

#ifndef NBDMIRROR_STREAM_FIXTURE_H
#define NBDMIRROR_STREAM_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <check.h>
#include <ev.h>

#include "buffer.h"
#include "resolved.h"
#include "stream.h"

#define PATIENCE_S 20.

extern struct ev_loop *loop;

/* One side: what it was told. */
struct side {
  struct stream *s; /* NULL once closed */
  unsigned readies, inputs, drains, fails;
  struct buffer got; /* all that was consumed */
  char reason[320];

  /* What it does; may be NULL. */
  void (*on_ready) (struct side *side);
  size_t (*on_input) (struct side *side, const uint8_t *data, size_t len);
  void (*on_drained) (struct side *side);
  void (*on_failed) (struct side *side);
};

void loop_set_up (void);
void loop_tear_down (void);

/* Options that tests change before side_new. */
extern struct stream_options options;

/* A stream of this side; NULL with errno as from stream_new. */
struct stream *side_new (struct side *side, int fd, bool connecting);
void side_close (struct side *side);
void side_free (struct side *side);
void side_write (struct side *side, const void *data, size_t len);

/* Has this text come, and nothing else? */
bool side_got (const struct side *side, const char *text);

/* Kinds of connections. */
enum kind {
  SOCKETPAIR,
  UNIX,
  TCP4,
  TCP6,
  NR_KINDS,
};

/* A listening socket on this machine, and its address. */
int listen_local (enum kind kind, struct resolved *r);

/* A pair of connected, non-blocking sockets; false: there is no IPv6. */
bool connect_pair (enum kind kind, int fd[2]);

/* Two streams, connected to each other. */
void side_pair (struct side *a, struct side *b, int fd[2]);

/* Wait for an event and handle it; fails the test if none comes for too
 * long.
 */
void run_once (void);

/* What waits for no event, such as 'ready', must not make us wait. */
#define RUN_UNTIL(condition) \
  do { \
    double until = ev_time () + PATIENCE_S; \
    ev_run (loop, EVRUN_NOWAIT); \
    while (!(condition)) { \
      ck_assert_msg (ev_time () < until, "never: %s", #condition); \
      run_once (); \
    } \
  } while (0)

#endif /* NBDMIRROR_STREAM_FIXTURE_H */
