/* SPDX-License-Identifier: BSD-3-Clause */

/* libev's watchers.  Its macros use a watcher through another type; where
 * the compiler sees the object itself it warns of strict aliasing, through a
 * pointer that comes from elsewhere it does not.
 */

#ifndef NBDMIRROR_EV_UTIL_H
#define NBDMIRROR_EV_UTIL_H

#include <ev.h>

typedef void ev_io_fn (struct ev_loop *loop, ev_io *w, int revents);
typedef void ev_timer_fn (struct ev_loop *loop, ev_timer *w, int revents);
typedef void ev_prepare_fn (struct ev_loop *loop, ev_prepare *w, int revents);

static inline void
ev_io_setup (ev_io *w, ev_io_fn *fn, int fd, int events, void *data)
{
  ev_io_init (w, fn, fd, events);
  w->data = data;
}

/* Start, stop or change: wait for these events; 0 = none. */
static inline void
ev_io_want (struct ev_loop *loop, ev_io *w, int events)
{
  if (ev_is_active (w) && (w->events & (EV_READ | EV_WRITE)) == events)
    return;
  ev_io_stop (loop, w);
  ev_io_modify (w, events);
  if (events != 0)
    ev_io_start (loop, w);
}

static inline void
ev_timer_setup (ev_timer *w, ev_timer_fn *fn, void *data)
{
  ev_timer_init (w, fn, 0., 0.);
  w->data = data;
}

/* Ring once, this many seconds from now (not from when the loop looked at
 * the clock, which can be long ago).
 */
static inline void
ev_timer_in (struct ev_loop *loop, ev_timer *w, double seconds)
{
  ev_timer_stop (loop, w);
  ev_timer_set (w, seconds, 0.);
  ev_now_update (loop);
  ev_timer_start (loop, w);
}

/* A callback for ev_later. */
static inline void
ev_later_setup (ev_prepare *w, ev_prepare_fn *fn, void *data)
{
  ev_prepare_init (w, fn);
  ev_set_priority (w, EV_MINPRI);
  w->data = data;
}

/* Call it when all else that has happened in this iteration of the loop has
 * been handled, but before the loop waits.  Also from the callback of an
 * ev_prepare, where it is too late to start another one.  The watcher is
 * never started: it does not keep the loop running.
 */
static inline void
ev_later (struct ev_loop *loop, ev_prepare *w)
{
  ev_feed_event (loop, w, EV_CUSTOM);
}

static inline void
ev_later_stop (struct ev_loop *loop, ev_prepare *w)
{
  ev_clear_pending (loop, w);
}

static inline int
ev_later_pending (const ev_prepare *w)
{
  return ev_is_pending (w);
}

#endif /* NBDMIRROR_EV_UTIL_H */
