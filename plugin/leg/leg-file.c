/* SPDX-License-Identifier: BSD-3-Clause */

/* Legs that are regular files or block devices, buffered.
 *
 * Thread model: a READ, WRITE or ZERO is done in the caller as long as the
 * leg has lately answered that kind faster than waking a thread costs;
 * otherwise, and for long requests, FLUSH and CACHE, a thread of the leg's
 * pool does it, so that several legs work in parallel.  How fast is
 * measured wherever a request runs, so a leg that gets slow or fast again
 * is noticed without trying.  All fields that change are atomic.
 *
 * Where calls are to be left behind (options.leave_behind), a thread of the
 * pool does all of them, in pieces of LEG_ASIDE_MAX; see aside.h.
 */

#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "aside.h"
#include "deadline.h"
#include "file-name.h"
#include "leg-file-extents.h"
#include "leg-file-medium.h"
#include "leg-file-open.h"
#include "leg-ops.h"
#include "pool.h"

/* Some times what waking a thread costs: only a slow medium is worth it.  A
 * sample counts at most SLOWEST_SAMPLE_NS, so that one hiccup, say of the
 * scheduler, does not look like one.
 */
#define INLINE_MAX_NS 250000
#define SLOWEST_SAMPLE_NS (4 * INLINE_MAX_NS)

/* Requests of this length always go to the pool. */
#define INLINE_MAX_BYTES (256 * 1024)

#define FILE_MAX_REQUEST (1u << 30)

struct file_leg {
  struct leg base;
  struct pool pool;
  struct aside aside;

  struct file_medium medium;

  struct file_name name; /* of a regular file; of who may open and close */

  atomic_uint_fast64_t cost_ns[LEG_CACHE + 1]; /* moving averages */
};

static struct file_leg *
file_leg (struct leg *leg)
{
  return (struct file_leg *) leg;
}

/* ---- Open ---- */

static int
leg_file_open (struct leg *leg, unsigned flags)
{
  struct file_leg *f = file_leg (leg);

  f->medium.fd = leg_file_open_path (leg, flags, &f->medium.zero_align);
  if (f->medium.fd == -1)
    return -1;
  if (leg->kind == LEG_FILE)
    file_name_init (&f->name, leg->name, f->medium.fd);
  leg->min_block = 1;
  leg->max_request = FILE_MAX_REQUEST;
  leg->max_bare = FILE_MAX_REQUEST;
  if (leg->options.leave_behind)
    leg->max_request = LEG_ASIDE_MAX;
  leg->can_fua = false;
  return 0;
}

static int
leg_file_reopen (struct leg *leg)
{
  uint64_t size;

  if (file_medium_size (&file_leg (leg)->medium, &size) == -1) {
    leg_report (leg, "size: %m");
    return -1;
  }
  if (size != leg->size) {
    leg_report (leg, "size was %" PRIu64 " and is %" PRIu64 " now", leg->size,
                size);
    errno = EINVAL;
    return -1;
  }
  return 0;
}

static int
leg_file_run (struct leg *leg)
{
  aside_start (&file_leg (leg)->aside);
  pool_start (&file_leg (leg)->pool);
  return 0;
}

static void
answer_all (struct leg_io *io, int err)
{
  while (io) {
    struct leg_io *next = io->next;

    leg_answered (io, err, now_ns ());
    io = next;
  }
}

static void
leg_file_stop (struct leg *leg)
{
  answer_all (pool_stop (&file_leg (leg)->pool), ENOTCONN);
}

static void
leg_file_close (struct leg *leg)
{
  struct file_leg *f = file_leg (leg);

  if (f->medium.fd >= 0)
    close (f->medium.fd);
  f->medium.fd = -1;
  file_name_free (&f->name);
  aside_trim (&f->aside);
}

static void
leg_file_destroy (struct leg *leg)
{
  pool_destroy (&file_leg (leg)->pool);
  aside_destroy (&file_leg (leg)->aside);
  free (leg);
}

/* Not fstat: having looked at the times of a file makes the kernel write its
 * inode again with the next write.
 */
static void
look_at_file (struct leg *leg, struct leg_sight *sight)
{
  struct file_leg *f = file_leg (leg);
  enum file_place place;
  off_t size;

  size = lseek (f->medium.fd, 0, SEEK_END);
  if (size >= 0 && (uint64_t) size < leg->size) {
    sight->place = LEG_CUT;
    sight->end = (uint64_t) size;
    snprintf (sight->why, sizeof sight->why,
              "its file is %" PRIu64 " bytes long now, and was %" PRIu64,
              sight->end, leg->size);
    return;
  }
  place = file_name_look (&f->name, f->medium.fd);
  if (place != FILE_HERE)
    sight->place = file_is_gone (place) ? LEG_GONE : LEG_ASTRAY;
  snprintf (sight->why, sizeof sight->why, "%s", file_place_text (place));
}

static void
leg_file_look (struct leg *leg, struct leg_sight *sight)
{
  unsigned call;

  if (leg->kind != LEG_FILE || file_leg (leg)->medium.fd == -1)
    return;
  call = leg_call_begin (&leg->calls, now_ns ());
  look_at_file (leg, sight);
  leg_call_end (&leg->calls, call);
}

/* ---- Requests ---- */

static void
note_cost (struct file_leg *f, enum leg_op op, uint64_t ns)
{
  uint64_t old;

  if (op > LEG_CACHE)
    return;
  old = atomic_load_explicit (&f->cost_ns[op], memory_order_relaxed);
  if (ns > SLOWEST_SAMPLE_NS)
    ns = SLOWEST_SAMPLE_NS;
  atomic_store_explicit (&f->cost_ns[op], old - old / 8 + ns / 8,
                         memory_order_relaxed);
}

/* Do what begins now; *end: when it ended.  0, or an errno. */
static int
ask_kernel (struct file_leg *f, const struct leg_io *io, uint64_t begin,
            uint64_t *end)
{
  unsigned call = leg_call_begin (&f->base.calls, begin);
  int err = file_medium_do (&f->medium, io) == -1 ? errno : 0;

  *end = now_ns ();
  leg_call_end (&f->base.calls, call);
  if (io->count < INLINE_MAX_BYTES)
    note_cost (f, io->op, *end - begin);
  return err;
}

/* The same for a request that can be taken away meanwhile. */
static void
run_aside (struct leg_io *io, uint64_t begin)
{
  struct file_leg *f = file_leg (io->leg);
  struct aside_call *call = aside_begin (&f->aside, io);
  uint64_t end;
  int err;

  if (!call) {
    leg_answered (io, errno, begin);
    return;
  }
  err = ask_kernel (f, &call->io, begin, &end);
  io = aside_end (&f->aside, call, err == 0);
  if (io)
    leg_answered (io, err, end);
}

/* Do a request that begins now, and answer it. */
static void
run_request (struct leg_io *io, uint64_t begin)
{
  uint64_t end;
  int err;

  if (io->leg->options.leave_behind) {
    run_aside (io, begin);
    return;
  }
  err = ask_kernel (file_leg (io->leg), io, begin, &end);
  leg_answered (io, err, end);
}

/* It may have waited for a thread. */
static void
run_in_pool (struct leg_io *io)
{
  if (leg_may_send (io))
    run_request (io, now_ns ());
  else
    leg_answered (io, ESTALE, now_ns ());
}

static bool
is_quick (struct file_leg *f, const struct leg_io *io)
{
  return !f->base.options.leave_behind && io->op != LEG_FLUSH &&
         io->op != LEG_CACHE && io->count < INLINE_MAX_BYTES &&
         atomic_load_explicit (&f->cost_ns[io->op], memory_order_relaxed) <
           INLINE_MAX_NS;
}

static void
leg_file_submit (struct leg *leg, struct leg_io *io)
{
  struct file_leg *f = file_leg (leg);

  if (is_quick (f, io))
    run_request (io, io->start_ns);
  else if (pool_submit (&f->pool, io))
    return;
  else if (atomic_load (&leg->refusal) == 0) /* no thread can be made */
    run_request (io, io->start_ns);
  else
    leg_answered (io, ENOTCONN, io->start_ns);
}

static void
job_answered (struct leg_io *io, int err, uint64_t now)
{
  (void) now;
  io->error = err;
  sem_post (io->opaque);
}

/* No thread of the pool is needed, or there is none before leg_run. */
static bool
must_wait_for (struct leg *leg)
{
  return !leg->options.leave_behind ||
         (atomic_load (&leg->refusal) != 0 && !atomic_load (&leg->lost));
}

static int
leg_file_aside (struct leg *leg, struct aside_job *job)
{
  sem_t done;
  struct leg_io io = {
    .op = LEG_CALL,
    .buf = job,
    .leg = leg,
    .answered = job_answered,
    .opaque = &done,
  };

  sem_init (&done, 0, 0);
  io.start_ns = now_ns ();
  if (must_wait_for (leg))
    run_request (&io, io.start_ns);
  else
    leg_file_submit (leg, &io);
  while (sem_wait (&done) == -1 && errno == EINTR)
    ;
  sem_destroy (&done);
  errno = io.error;
  return io.error == 0 ? 0 : -1;
}

struct size_question {
  const struct file_medium *medium;
  uint64_t size;
};

static int
ask_size (void *arg)
{
  struct size_question *q = arg;

  return file_medium_size (q->medium, &q->size);
}

static int
leg_file_measure (struct leg *leg, uint64_t *size)
{
  struct size_question q = {.medium = &file_leg (leg)->medium};
  struct aside_job job = {ask_size, &q, sizeof q};

  if (leg_file_aside (leg, &job) == -1)
    return -1;
  *size = q.size;
  return 0;
}

static int
leg_file_extents (struct leg *leg, uint64_t offset, uint64_t count,
                  struct leg_extent *extents, size_t *nr)
{
  struct file_extents q;
  struct aside_job job = {file_extents_ask, &q, sizeof q};

  q.medium = &file_leg (leg)->medium;
  q.offset = offset;
  q.end = offset + count;
  q.max = *nr < EXTENTS_AT_ONCE ? *nr : EXTENTS_AT_ONCE;
  q.nr = 0;
  if (leg_file_aside (leg, &job) == -1)
    return -1;
  memcpy (extents, q.extents, q.nr * sizeof *extents);
  *nr = q.nr;
  return 0;
}

/* What waits, and what is to be left behind.  The other requests that run end
 * by themselves.
 */
static void
leg_file_lose (struct leg *leg)
{
  struct file_leg *f = file_leg (leg);
  int err = atomic_load (&leg->refusal);

  answer_all (pool_halt (&f->pool), err);
  answer_all (aside_leave (&f->aside), err);
}

static const struct leg_ops leg_file_ops = {
  .open = leg_file_open,
  .look = leg_file_look,
  .measure = leg_file_measure,
  .reopen = leg_file_reopen,
  .run = leg_file_run,
  .stop = leg_file_stop,
  .close = leg_file_close,
  .destroy = leg_file_destroy,
  .submit = leg_file_submit,
  .extents = leg_file_extents,
  .lose = leg_file_lose,
  .aside = leg_file_aside,
};

struct leg *
leg_file_new (const char *name, const struct leg_options *options)
{
  struct file_leg *f = calloc (1, sizeof *f);
  int err;

  if (!f)
    return NULL;
  f->medium.leg = &f->base;
  f->medium.fd = f->name.dir = -1;
  err = pool_init (&f->pool, run_in_pool);
  if (err == 0)
    err = aside_init (&f->aside);
  if (err == 0 &&
      leg_init (&f->base, &leg_file_ops, name, LEG_FILE, options) == 0)
    return &f->base;
  if (err != 0)
    errno = err;
  free (f);
  return NULL;
}
