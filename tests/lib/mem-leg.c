/* SPDX-License-Identifier: BSD-3-Clause */

/* Content is kept three times: data (what reads see), staged (what the
 * FLUSH under way will make durable) and stable (what survives a crash).
 * dirty marks the blocks where data differs from stable, in_flush those
 * where staged does.  leg-gate.c sends one FLUSH at a time, so one staged copy
 * is enough.
 *
 * Locking: lock guards everything; requests are answered without it.
 */

#include "config.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "deadline.h"
#include "leg-ops.h"
#include "mem-leg.h"
#include "pool.h"
#include "zero.h"

#define BLOCK 512
#define EXTENT 4096
#define MAX_RULES 16
#define MAX_WAIT_NS (10 * NSEC_PER_SEC)

enum action {
  PASS,
  FAIL,
  HOLD,
  DELAY
};

struct rule {
  enum action action;
  enum leg_op op;
  unsigned skip, times; /* calls to come before it applies, and while */
  int err;
  uint64_t ns;
};

struct mem_leg {
  struct leg base;
  struct pool pool; /* of delayed requests */

  pthread_mutex_t lock;
  pthread_cond_t changed; /* held, stopping */
  uint8_t *data, *staged, *stable;
  bool *dirty, *in_flush; /* by block */
  struct rule rules[MAX_RULES];
  size_t nr_rules;
  struct leg_io *held, **held_end;
  size_t nr_held;
  bool running;
  bool status_of_medium;
  uint64_t lie_from, lie_until; /* block status says zeroes */
  bool *allocated;              /* by EXTENT */
  unsigned nr_queries;
  uint64_t bad_from, bad_until; /* can't be read */
  int open_error;
  bool hold_open;
  uint64_t *opens; /* when */
  size_t nr_opens;
  struct {
    uint64_t size;
    uint32_t min_block;
    uint8_t id[LEG_ID_SIZE];
  } next; /* size 0: as before */
  unsigned crash_seed;
  struct leg *disk; /* the next open finds what is on it; or NULL */
  struct mem_leg_record *records;
  size_t nr_records;
};

static atomic_uint_fast64_t next_seq;

static struct mem_leg *
mem_leg (struct leg *leg)
{
  return (struct mem_leg *) leg;
}

static void *
must (void *p)
{
  if (!p)
    abort ();
  return p;
}

/* ---- Content ---- */

static void
save_block (struct mem_leg *m, bool *flags, uint8_t *from, uint64_t block)
{
  uint64_t offset = block * BLOCK;
  uint64_t left = m->base.size - offset;

  memcpy (m->stable + offset, from + offset, left < BLOCK ? left : BLOCK);
  flags[block] = false;
}

static uint64_t
nr_blocks (const struct mem_leg *m)
{
  return (m->base.size + BLOCK - 1) / BLOCK;
}

/* A FLUSH begins. */
static void
stage_locked (struct mem_leg *m)
{
  for (uint64_t b = 0; b < nr_blocks (m); ++b)
    if (m->dirty[b]) {
      uint64_t left = m->base.size - b * BLOCK;

      memcpy (m->staged + b * BLOCK, m->data + b * BLOCK,
              left < BLOCK ? left : BLOCK);
      m->in_flush[b] = true;
      m->dirty[b] = false;
    }
}

/* A FLUSH is done. */
static void
commit_locked (struct mem_leg *m)
{
  for (uint64_t b = 0; b < nr_blocks (m); ++b)
    if (m->in_flush[b])
      save_block (m, m->in_flush, m->staged, b);
}

/* As a file system does it: a write fills blocks, a ZERO makes holes of those
 * that it covers.
 */
static void
allocate_locked (struct mem_leg *m, const struct leg_io *io)
{
  uint64_t begin = io->offset, end = io->offset + io->count;
  bool punch = io->op == LEG_ZERO && (io->flags & LEG_MAY_TRIM);

  for (uint64_t b = begin / EXTENT; b <= (end - 1) / EXTENT; ++b)
    if (!punch)
      m->allocated[b] = true;
    else if (begin <= b * EXTENT && (b + 1) * EXTENT <= end)
      m->allocated[b] = false;
}

static void
change_locked (struct mem_leg *m, const struct leg_io *io)
{
  bool fua = (io->flags & LEG_FUA) && m->base.can_fua;

  if (io->op == LEG_WRITE)
    memcpy (m->data + io->offset, io->buf, io->count);
  else
    memset (m->data + io->offset, 0, io->count);
  allocate_locked (m, io);
  for (uint64_t b = io->offset / BLOCK;
       b <= (io->offset + io->count - 1) / BLOCK; ++b)
    if (fua) {
      save_block (m, m->dirty, m->data, b);
      m->in_flush[b] = false;
    }
    else
      m->dirty[b] = true;
}

static void
crash_locked (struct mem_leg *m, unsigned seed)
{
  unsigned state = seed;

  for (uint64_t b = 0; b < nr_blocks (m); ++b) {
    if (m->in_flush[b] && seed != 0 && rand_r (&state) % 2 == 0)
      save_block (m, m->in_flush, m->staged, b);
    if (m->dirty[b] && seed != 0 && rand_r (&state) % 2 == 0)
      save_block (m, m->dirty, m->data, b);
    m->in_flush[b] = m->dirty[b] = false;
  }
  memcpy (m->data, m->stable, m->base.size);
}

static void
perform_locked (struct mem_leg *m, struct leg_io *io)
{
  switch (io->op) {
  case LEG_READ:
    memcpy (io->buf, m->data + io->offset, io->count);
    break;
  case LEG_WRITE:
  case LEG_ZERO:
    change_locked (m, io);
    break;
  case LEG_FLUSH:
    commit_locked (m);
    break;
  case LEG_CACHE:
    break;
  default:
    abort ();
  }
}

static void
perform (struct leg_io *io)
{
  struct mem_leg *m = mem_leg (io->leg);

  {
    CLEANUP_LOCK (&m->lock);
    perform_locked (m, io);
  }
  leg_answered (io, 0, now_ns ());
}

/* ---- Rules ---- */

static struct rule
apply_rules_locked (struct mem_leg *m, enum leg_op op)
{
  struct rule found = {.action = PASS};

  for (size_t i = 0; i < m->nr_rules; ++i) {
    struct rule *r = &m->rules[i];

    if (r->op != op || r->times == 0)
      continue;
    if (r->skip > 0) {
      r->skip--;
      continue;
    }
    if (r->times != MEM_LEG_ALWAYS)
      r->times--;
    if (found.action == PASS)
      found = *r;
  }
  return found;
}

static void
add_rule (struct leg *leg, struct rule rule)
{
  struct mem_leg *m = mem_leg (leg);

  CLEANUP_LOCK (&m->lock);
  if (m->nr_rules == MAX_RULES)
    abort ();
  m->rules[m->nr_rules++] = rule;
}

void
mem_leg_fail (struct leg *leg, enum leg_op op, unsigned nth, unsigned times,
              int err)
{
  add_rule (leg, (struct rule){FAIL, op, nth - 1, times, err, 0});
}

void
mem_leg_hold (struct leg *leg, enum leg_op op, unsigned nth, unsigned times)
{
  add_rule (leg, (struct rule){HOLD, op, nth - 1, times, 0, 0});
}

void
mem_leg_delay (struct leg *leg, enum leg_op op, unsigned nth, unsigned times,
               uint64_t ns)
{
  add_rule (leg, (struct rule){DELAY, op, nth - 1, times, 0, ns});
}

void
mem_leg_forget_rules (struct leg *leg)
{
  struct mem_leg *m = mem_leg (leg);

  CLEANUP_LOCK (&m->lock);
  m->nr_rules = 0;
}

void
mem_leg_fail_open (struct leg *leg, int err)
{
  struct mem_leg *m = mem_leg (leg);

  CLEANUP_LOCK (&m->lock);
  m->open_error = err;
}

void
mem_leg_hold_open (struct leg *leg, bool hold)
{
  struct mem_leg *m = mem_leg (leg);

  CLEANUP_LOCK (&m->lock);
  m->hold_open = hold;
  pthread_cond_broadcast (&m->changed);
}

size_t
mem_leg_nr_opens (struct leg *leg)
{
  struct mem_leg *m = mem_leg (leg);

  CLEANUP_LOCK (&m->lock);
  return m->nr_opens;
}

uint64_t
mem_leg_open_time (struct leg *leg, size_t nth)
{
  struct mem_leg *m = mem_leg (leg);

  CLEANUP_LOCK (&m->lock);
  if (nth == 0 || nth > m->nr_opens)
    abort ();
  return m->opens[nth - 1];
}

void
mem_leg_replace (struct leg *leg, uint64_t size, uint32_t min_block,
                 const char *id)
{
  struct mem_leg *m = mem_leg (leg);

  CLEANUP_LOCK (&m->lock);
  m->next.size = size;
  m->next.min_block = min_block;
  snprintf ((char *) m->next.id, LEG_ID_SIZE, "%s", id);
}

/* Where its content is. */
static struct leg *
disk_of (struct leg *leg)
{
  struct mem_leg *m = mem_leg (leg);
  CLEANUP_LOCK (&m->lock);

  return m->disk ? m->disk : leg;
}

void
mem_leg_same_disk (struct leg *leg, struct leg *disk)
{
  struct mem_leg *m = mem_leg (leg);
  struct leg *at = disk ? disk_of (disk) : NULL;
  CLEANUP_LOCK (&m->lock);

  m->disk = at;
}

void
mem_leg_crash_at_open (struct leg *leg, unsigned seed)
{
  struct mem_leg *m = mem_leg (leg);

  CLEANUP_LOCK (&m->lock);
  m->crash_seed = seed;
}

/* ---- Held and delayed requests ---- */

/* Wait in a thread of the pool until sent_ns, which was set to the time when
 * the request is to be done.
 */
static void
run_delayed (struct leg_io *io)
{
  struct mem_leg *m = mem_leg (io->leg);

  {
    CLEANUP_LOCK (&m->lock);
    while (m->running && now_ns () < io->sent_ns)
      cond_wait_until (&m->changed, &m->lock, io->sent_ns);
  }
  perform (io);
}

static void
hold_locked (struct mem_leg *m, struct leg_io *io)
{
  io->next = NULL;
  *m->held_end = io;
  m->held_end = &io->next;
  m->nr_held++;
  pthread_cond_broadcast (&m->changed);
}

static struct leg_io *
take_held (struct mem_leg *m)
{
  struct leg_io *io;

  CLEANUP_LOCK (&m->lock);
  io = m->held;
  if (io) {
    m->held = io->next;
    if (!m->held)
      m->held_end = &m->held;
    m->nr_held--;
  }
  return io;
}

void
mem_leg_release (struct leg *leg, size_t nr, int err)
{
  struct leg_io *io;

  while (nr-- > 0 && (io = take_held (mem_leg (leg))) != NULL) {
    if (err == 0)
      perform (io);
    else
      leg_answered (io, err, now_ns ());
  }
}

size_t
mem_leg_nr_held (struct leg *leg)
{
  struct mem_leg *m = mem_leg (leg);

  CLEANUP_LOCK (&m->lock);
  return m->nr_held;
}

bool
mem_leg_wait_held (struct leg *leg, size_t nr)
{
  struct mem_leg *m = mem_leg (leg);
  uint64_t deadline = now_ns () + MAX_WAIT_NS;

  CLEANUP_LOCK (&m->lock);
  while (m->nr_held < nr)
    if (cond_wait_until (&m->changed, &m->lock, deadline) == ETIMEDOUT)
      return false;
  return true;
}

/* ---- Leg operations ---- */


static void
note_open_locked (struct mem_leg *m)
{
  m->opens = must (realloc (m->opens, (m->nr_opens + 1) * sizeof *m->opens));
  m->opens[m->nr_opens++] = now_ns ();
}

/* As a connect that gets no answer: whether it is still wanted is looked at
 * now and then.
 */
static int
wait_to_open_locked (struct mem_leg *m)
{
  while (m->hold_open && !atomic_load (&m->base.cancelled))
    cond_wait_until (&m->changed, &m->lock, now_ns () + NSEC_PER_MSEC);
  errno = ECANCELED;
  return m->hold_open ? -1 : 0;
}

static void
find_locked (struct mem_leg *m)
{
  if (m->next.size > 0) {
    m->base.size = m->next.size;
    m->base.min_block = m->next.min_block;
    memcpy (m->base.id, m->next.id, LEG_ID_SIZE);
    m->next.size = 0;
  }
  if (m->crash_seed > 0)
    crash_locked (m, m->crash_seed++);
}

/* Also when it is connected anew. */
static int
mem_reopen (struct leg *leg)
{
  struct mem_leg *m = mem_leg (leg);
  int err;

  {
    CLEANUP_LOCK (&m->lock);
    note_open_locked (m);
    if (wait_to_open_locked (m) == -1)
      return -1;
    err = m->open_error;
    if (err == 0)
      find_locked (m);
  }
  errno = err;
  if (err == 0)
    return 0;
  leg_report (leg, "open: %m");
  return -1;
}

static void
take_disk (struct mem_leg *m)
{
  struct leg *disk = disk_of (&m->base);

  if (disk == &m->base)
    return;
  mem_leg_read_stable (disk, m->data, 0, m->base.size);
  CLEANUP_LOCK (&m->lock);
  memcpy (m->stable, m->data, m->base.size);
  m->disk = NULL;
}

static int
mem_open (struct leg *leg, unsigned flags)
{
  struct mem_leg *m = mem_leg (leg);

  (void) flags;
  if (mem_reopen (leg) == -1)
    return -1;
  if (!m->data) {
    m->data = must (calloc (1, leg->size));
    m->staged = must (calloc (1, leg->size));
    m->stable = must (calloc (1, leg->size));
    m->dirty = must (calloc (nr_blocks (m), sizeof *m->dirty));
    m->in_flush = must (calloc (nr_blocks (m), sizeof *m->in_flush));
    m->allocated = must (calloc (leg->size / EXTENT + 1, sizeof (bool)));
  }
  take_disk (m);
  return 0;
}

static int
mem_run (struct leg *leg)
{
  struct mem_leg *m = mem_leg (leg);

  pool_start (&m->pool);
  CLEANUP_LOCK (&m->lock);
  m->running = true;
  return 0;
}

static void
mem_lose (struct leg *leg)
{
  mem_leg_release (leg, SIZE_MAX, ENOTCONN);
}

static void
mem_stop (struct leg *leg)
{
  struct mem_leg *m = mem_leg (leg);
  struct leg_io *io;

  {
    CLEANUP_LOCK (&m->lock);
    m->running = false;
    pthread_cond_broadcast (&m->changed);
  }
  io = pool_stop (&m->pool);
  while (io) {
    struct leg_io *next = io->next;

    leg_answered (io, ENOTCONN, now_ns ());
    io = next;
  }
  mem_lose (leg);
}

static void
mem_close (struct leg *leg)
{
  (void) leg;
}

static void
mem_destroy (struct leg *leg)
{
  struct mem_leg *m = mem_leg (leg);

  free (m->data);
  free (m->staged);
  free (m->stable);
  free (m->dirty);
  free (m->in_flush);
  free (m->allocated);
  free (m->records);
  free (m->opens);
  pool_destroy (&m->pool);
  pthread_cond_destroy (&m->changed);
  pthread_mutex_destroy (&m->lock);
  free (m);
}

static void
record_locked (struct mem_leg *m, const struct leg_io *io)
{
  m->records =
    must (realloc (m->records, (m->nr_records + 1) * sizeof *m->records));
  m->records[m->nr_records++] = (struct mem_leg_record){
    .seq = atomic_fetch_add (&next_seq, 1),
    .op = io->op,
    .flags = io->flags,
    .offset = io->offset,
    .count = io->count,
  };
}

static bool
is_bad_locked (const struct mem_leg *m, const struct leg_io *io)
{
  return io->op == LEG_READ && io->offset < m->bad_until &&
         m->bad_from < io->offset + io->count;
}

static void
mem_submit (struct leg *leg, struct leg_io *io)
{
  struct mem_leg *m = mem_leg (leg);
  struct rule rule;
  bool running;

  {
    CLEANUP_LOCK (&m->lock);
    record_locked (m, io);
    rule = apply_rules_locked (m, io->op);
    if (is_bad_locked (m, io))
      rule = (struct rule){.action = FAIL, .err = EIO};
    running = m->running;
    if (io->op == LEG_FLUSH)
      stage_locked (m);
    if (running && rule.action == HOLD)
      hold_locked (m, io);
    else if (running && rule.action == PASS)
      perform_locked (m, io);
  }
  if (!running)
    leg_answered (io, ENOTCONN, now_ns ());
  else if (rule.action == FAIL)
    leg_answered (io, rule.err, now_ns ());
  else if (rule.action == PASS)
    leg_answered (io, 0, now_ns ());
  else if (rule.action == DELAY) {
    io->sent_ns = now_ns () + rule.ns;
    if (!pool_submit (&m->pool, io))
      leg_answered (io, ENOTCONN, now_ns ());
  }
}

static int
mem_extents (struct leg *leg, uint64_t offset, uint64_t count,
             struct leg_extent *extents, size_t *nr)
{
  struct mem_leg *m = mem_leg (leg);
  uint64_t end = offset + count;
  size_t n = 0;

  CLEANUP_LOCK (&m->lock);
  m->nr_queries++;
  while (offset < end) {
    uint64_t next = (offset / EXTENT + 1) * EXTENT;
    uint64_t length = (next < end ? next : end) - offset;
    bool zero =
      (m->lie_from <= offset && offset + length <= m->lie_until) ||
      is_zero ((m->status_of_medium ? m->stable : m->data) + offset, length);

    if (n > 0 && extents[n - 1].zero == zero)
      extents[n - 1].length += length;
    else if (n == *nr)
      break;
    else
      extents[n++] = (struct leg_extent){length, zero, zero};
    offset += length;
  }
  *nr = n;
  return 0;
}

/* ---- The rest of the interface ---- */

void
mem_leg_status_of_medium (struct leg *leg)
{
  struct mem_leg *m = mem_leg (leg);

  CLEANUP_LOCK (&m->lock);
  m->status_of_medium = true;
}

void
mem_leg_lie (struct leg *leg, uint64_t offset, uint64_t count)
{
  struct mem_leg *m = mem_leg (leg);

  CLEANUP_LOCK (&m->lock);
  m->lie_from = offset;
  m->lie_until = offset + count;
}

void
mem_leg_bad (struct leg *leg, uint64_t offset, uint64_t count)
{
  struct mem_leg *m = mem_leg (leg);

  CLEANUP_LOCK (&m->lock);
  m->bad_from = offset;
  m->bad_until = offset + count;
}

unsigned
mem_leg_nr_queries (struct leg *leg)
{
  struct mem_leg *m = mem_leg (leg);

  CLEANUP_LOCK (&m->lock);
  return m->nr_queries;
}

uint64_t
mem_leg_allocated (struct leg *leg)
{
  struct mem_leg *m = mem_leg (leg);
  uint64_t bytes = 0;

  CLEANUP_LOCK (&m->lock);
  for (uint64_t b = 0; b <= m->base.size / EXTENT; ++b)
    bytes += m->allocated[b] ? EXTENT : 0;
  return bytes;
}

void
mem_leg_crash (struct leg *leg, unsigned seed)
{
  struct mem_leg *m = mem_leg (leg);

  CLEANUP_LOCK (&m->lock);
  crash_locked (m, seed);
}

void
mem_leg_change (struct leg *leg, uint64_t offset, uint64_t count, int byte)
{
  struct mem_leg *m = mem_leg (leg);

  CLEANUP_LOCK (&m->lock);
  memset (m->data + offset, byte, count);
  for (uint64_t b = offset / BLOCK; b <= (offset + count - 1) / BLOCK; ++b)
    m->dirty[b] = true;
}

void
mem_leg_read_stable (struct leg *leg, void *buf, uint64_t offset,
                     uint64_t count)
{
  struct mem_leg *m = mem_leg (disk_of (leg));
  CLEANUP_LOCK (&m->lock);

  memcpy (buf, m->stable + offset, count);
}

void
mem_leg_peek (struct leg *leg, void *buf, uint64_t offset, uint64_t count)
{
  struct mem_leg *m = mem_leg (leg);

  CLEANUP_LOCK (&m->lock);
  memcpy (buf, m->data + offset, count);
}

uint8_t *
mem_leg_data (struct leg *leg)
{
  return mem_leg (leg)->data;
}

struct mem_leg_record *
mem_leg_records (struct leg *leg, size_t *nr)
{
  struct mem_leg *m = mem_leg (leg);
  struct mem_leg_record *copy;

  CLEANUP_LOCK (&m->lock);
  copy = must (malloc ((m->nr_records + 1) * sizeof *copy));
  if (m->nr_records > 0)
    memcpy (copy, m->records, m->nr_records * sizeof *copy);
  *nr = m->nr_records;
  return copy;
}

static const struct leg_ops mem_ops = {
  .open = mem_open,
  .reopen = mem_reopen,
  .run = mem_run,
  .stop = mem_stop,
  .close = mem_close,
  .destroy = mem_destroy,
  .submit = mem_submit,
  .extents = mem_extents,
  .lose = mem_lose,
};

struct leg *
mem_leg_new (const char *name, uint64_t size)
{
  static const struct leg_options options = {.connections = 1};
  struct mem_leg *m = must (calloc (1, sizeof *m));

  if (leg_init (&m->base, &mem_ops, name, LEG_FILE, &options) == -1 ||
      pool_init (&m->pool, run_delayed) != 0 ||
      pthread_mutex_init (&m->lock, NULL) != 0 ||
      cond_init_monotonic (&m->changed) != 0)
    abort ();
  m->held_end = &m->held;
  m->base.size = size;
  m->base.max_request = 1u << 25;
  snprintf ((char *) m->base.id, LEG_ID_SIZE, "%s", name);
  atomic_store (&m->base.fast_zero, true);
  atomic_store (&m->base.fast_trim, true);
  return &m->base;
}
