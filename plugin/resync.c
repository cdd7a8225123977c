/* SPDX-License-Identifier: BSD-3-Clause */

/* Resync: copy the regions that legs miss from the primary.
 *
 * Thread model: RESYNC_THREADS copiers, each with one run of regions at a
 * time.  The missed maps are the only position: what is not yet done is
 * still in them, so a restart goes on where this process ended.
 *
 * A run is normally one region.  Where the source reads as zeroes for
 * longer than a region, the run is as long as that; where the target does
 * so too there is nothing to copy, so a sparse device costs as much as it
 * holds data.
 *
 * A chunk is copied under a shared lock of its range: writers to it wait,
 * others go on and reach source and target alike, so a chunk that was
 * copied stays right (S14).  The run stays in the missed maps until the
 * sweep has flushed the target.  If meanwhile a write ended in an error the
 * run is spoiled, and if the target failed it no longer counts.
 */

#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "mirror-impl.h"
#include "msg.h"

#define MAX_ZERO_BYTES (UINT64_C (64) << 20) /* one ZERO request */
#define MAX_RUN_BYTES (UINT64_C (64) << 30)  /* of zeroes, looked at at once */
#define SWEEP_BYTES (UINT64_C (1) << 30)     /* copied before a sweep is due */
#define FIRST_STALL_NS NSEC_PER_SEC
#define MAX_STALL_NS (30 * NSEC_PER_SEC)

/* A copier at work. */
struct copier {
  struct mirror *m;
  struct recovery *rec;
  unsigned source;     /* of the chunk at hand */
  uint64_t begin, end; /* bytes of the run */
  char *buf;           /* COPY_CHUNK bytes */
  uint64_t moved;      /* bytes of I/O for the chunk at hand */
  unsigned bad;        /* targets that failed */
  bool source_failed;
  bool no_lease; /* something could not be sent (S19) */
};

void
resync_wake_locked (struct mirror *m)
{
  pthread_cond_broadcast (&m->resync.wake);
}

void
resync_spoil_locked (struct mirror *m, uint64_t first, uint64_t nr)
{
  struct recovery *lists[] = {m->resync.running, m->resync.copied,
                              m->resync.sweeping};

  for (size_t i = 0; i < 3; ++i)
    for (struct recovery *rec = lists[i]; rec; rec = rec->next)
      if (rec->first < first + nr && first < rec->first + rec->nr)
        rec->spoiled = true;
}

void
resync_drop_target_locked (struct mirror *m, unsigned slot)
{
  struct recovery *lists[] = {m->resync.running, m->resync.copied,
                              m->resync.sweeping};

  for (size_t i = 0; i < 3; ++i)
    for (struct recovery *rec = lists[i]; rec; rec = rec->next)
      rec->targets &= ~SLOT_BIT (slot);
}

/* --- choosing work; m->lock is held --- */

static unsigned
ready_targets (const struct mirror *m, uint64_t now)
{
  unsigned ready = 0;

  FOR_EACH_SLOT (slot, m->resyncing)
    if (m->member[slot].stalled_until <= now)
      ready |= SLOT_BIT (slot);
  return ready;
}

static unsigned
targets_of (struct mirror *m, unsigned ready, uint64_t first, uint64_t nr)
{
  unsigned targets = 0;

  FOR_EACH_SLOT (slot, ready)
    if (!dirty_log_in_sync (m->log, slot, first, nr))
      targets |= SLOT_BIT (slot);
  return targets;
}

uint64_t
resync_todo (const struct mirror *m, const struct log_status *ls)
{
  uint64_t todo = 0;

  FOR_EACH_SLOT (slot, m->resyncing)
    todo += ls->missed[slot];
  return todo;
}

static void
begin_round (struct mirror *m)
{
  struct resync *rs = &m->resync;
  struct log_status ls;

  if (rs->busy > 0 || rs->copied)
    return;
  dirty_log_status (m->log, &ls);
  rs->begin_ns = now_ns ();
  rs->begin_bytes = rs->copied_bytes + rs->skipped_bytes;
  rs->total_regions = resync_todo (m, &ls);
}

static struct recovery *
next_work (struct mirror *m)
{
  struct resync *rs = &m->resync;
  unsigned ready = ready_targets (m, now_ns ());
  struct recovery *rec;
  uint64_t first, nr;

  if (rs->stop || !ready || !dirty_log_valid (m->log))
    return NULL;
  if (!dirty_log_get_resync_work (m->log, ready, rs->cursor, 1, &first, &nr) &&
      !dirty_log_get_resync_work (m->log, ready, 0, 1, &first, &nr))
    return NULL;
  rec = calloc (1, sizeof *rec);
  if (!rec) {
    dirty_log_put_resync_work (m->log, first, nr);
    return NULL;
  }
  begin_round (m);
  rec->first = first;
  rec->nr = nr;
  rec->targets = targets_of (m, ready, first, nr);
  rec->next = rs->running;
  rs->running = rec;
  rs->cursor = first + nr;
  rs->busy++;
  return rec;
}

/* Make the run as long as 'nr' regions, as far as they are to be had. */
static void
extend_run (struct copier *c, uint64_t nr)
{
  struct mirror *m = c->m;
  struct recovery *rec = c->rec;
  uint64_t next = rec->first + rec->nr;
  uint64_t first, got;
  CLEANUP_LOCK (&m->lock);

  if (nr <= rec->nr || next >= m->nr_regions ||
      !dirty_log_get_resync_work (m->log, rec->targets, next, nr - rec->nr,
                                  &first, &got))
    return;
  if (first != next) {
    dirty_log_put_resync_work (m->log, first, got);
    return;
  }
  rec->nr += got;
  if (m->resync.cursor < first + got)
    m->resync.cursor = first + got;
}

/* The run ends at 'end' bytes: give back the regions behind. */
static void
cut_run (struct copier *c, uint64_t end)
{
  struct mirror *m = c->m;
  struct recovery *rec = c->rec;
  uint64_t nr = (end >> m->region_shift) - rec->first;
  CLEANUP_LOCK (&m->lock);

  if (end >= m->limits.size || nr >= rec->nr)
    return;
  dirty_log_put_resync_work (m->log, rec->first + nr, rec->nr - nr);
  rec->nr = nr;
  if (m->resync.cursor > rec->first + nr)
    m->resync.cursor = rec->first + nr;
}

static uint64_t
run_end (const struct mirror *m, const struct recovery *rec)
{
  uint64_t end = (rec->first + rec->nr) << m->region_shift;

  return end < m->limits.size ? end : m->limits.size;
}

/* --- copying; without the lock --- */

/* How far the leg reads as zeroes from offset on, at most count bytes; whole
 * blocks of every leg, whatever the block status of this one.
 */
static uint64_t
zero_length (struct mirror *m, unsigned slot, uint64_t offset, uint64_t count)
{
  struct leg *leg = m->member[slot].leg;
  uint64_t done = 0;

  while (done < count) {
    struct leg_extent extent;
    size_t nr = 1;

    if (leg_extents (leg, offset + done, count - done, &extent, &nr) == -1 ||
        nr == 0 || !extent.zero)
      break;
    done += extent.length;
  }
  return done & ~(uint64_t) (m->limits.min_block - 1);
}

/* The source has data here; remember how far, to save asking again. */
static void
note_data (struct copier *c, uint64_t offset)
{
  struct mirror *m = c->m;
  struct leg_extent extent;
  size_t nr = 1;

  if (leg_extents (m->member[c->source].leg, offset, m->limits.size - offset,
                   &extent, &nr) == -1 ||
      nr == 0 || extent.zero)
    return;
  CLEANUP_LOCK (&m->lock);
  m->resync.data_from = offset;
  m->resync.data_until = offset + extent.length;
}

static uint64_t
source_zero_length (struct copier *c, uint64_t offset, uint64_t count)
{
  struct mirror *m = c->m;
  uint64_t length;

  {
    CLEANUP_LOCK (&m->lock);
    if (m->resync.data_from <= offset && offset < m->resync.data_until)
      return 0;
  }
  length = zero_length (m, c->source, offset, count);
  if (length == 0)
    note_data (c, offset);
  return length;
}

static bool
is_zero (const char *buf, uint64_t count)
{
  return buf[0] == 0 && memcmp (buf, buf + 1, count - 1) == 0;
}

static void
count_bytes (struct copier *c, uint64_t copied, uint64_t skipped)
{
  CLEANUP_LOCK (&c->m->lock);
  c->m->resync.copied_bytes += copied;
  c->m->resync.skipped_bytes += skipped;
}

static unsigned
live_targets (struct copier *c)
{
  CLEANUP_LOCK (&c->m->lock);
  return c->rec->targets & ~c->bad;
}

static void
send (struct copier *c, unsigned targets, const struct request *rq)
{
  struct fan fan;

  if (targets == 0)
    return;
  c->moved += rq->count;
  c->bad |= fan_out (c->m, &fan, targets, rq) & ~fan.unsent;
  if (fan.unsent)
    c->no_lease = true;
  count_bytes (c, rq->count * (unsigned) __builtin_popcount (targets), 0);
}

/* The source reads as zeroes for count bytes: make the targets do so, where
 * they do not yet.  Returns the bytes dealt with.
 */
static uint64_t
copy_zeroes (struct copier *c, uint64_t offset, uint64_t count)
{
  unsigned targets = live_targets (c), write = 0;
  uint64_t skip = count;

  FOR_EACH_SLOT (slot, targets) {
    uint64_t n = zero_length (c->m, slot, offset, skip);

    if (n == 0)
      write |= SLOT_BIT (slot);
    else
      skip = n;
  }
  if (write && skip > MAX_ZERO_BYTES)
    skip = MAX_ZERO_BYTES;
  send (c, write,
        &(struct request){.op = LEG_ZERO,
                          .flags = LEG_MAY_TRIM,
                          .offset = offset,
                          .count = skip});
  count_bytes (c, 0, skip * (unsigned) __builtin_popcount (targets & ~write));
  return skip;
}

/* Another in-sync leg; false if all are in the mask. */
static bool
next_source (struct copier *c, unsigned tried)
{
  CLEANUP_LOCK (&c->m->lock);
  unsigned legs = c->m->in_sync & ~tried;

  if (!legs)
    return false;
  c->source = (unsigned) __builtin_ctz (legs);
  return true;
}

/* From the primary, or any other that can be read here. */
static bool
read_source (struct copier *c, uint64_t offset, uint64_t count)
{
  unsigned tried = 0;

  do {
    if (leg_run (c->m->member[c->source].leg, LEG_READ, 0, c->buf, offset,
                 count) == 0)
      return true;
    tried |= SLOT_BIT (c->source);
  } while (next_source (c, tried));
  return false;
}

static uint64_t
copy_data (struct copier *c, uint64_t offset, uint64_t count)
{
  struct request rq = {
    .op = LEG_WRITE, .buf = c->buf, .offset = offset, .count = count};

  if (!read_source (c, offset, count)) {
    c->source_failed = true;
    return 0;
  }
  if (is_zero (c->buf, count)) {
    rq.op = LEG_ZERO;
    rq.flags = LEG_MAY_TRIM;
    rq.buf = NULL;
  }
  send (c, live_targets (c), &rq);
  return count;
}

/* Copy what comes next at offset, under a lock of 'count' bytes.  The source
 * is chosen under it: a leg on which a write to this range failed has left
 * the in-sync legs before that write gave up the range.
 */
static uint64_t
copy_locked (struct copier *c, uint64_t offset, uint64_t count)
{
  struct mirror *m = c->m;
  struct range range;
  uint64_t zero, done;

  {
    CLEANUP_LOCK (&m->lock);
    range_lock (&m->ranges, &range, offset, count, true, &m->lock);
    c->source = m->primary;
  }
  c->moved = 0;
  zero = source_zero_length (c, offset, count);
  if (zero > 0)
    done = copy_zeroes (c, offset, zero);
  else
    done = copy_data (c, offset, count < COPY_CHUNK ? count : COPY_CHUNK);
  {
    CLEANUP_LOCK (&m->lock);
    range_unlock (&m->ranges, &range);
  }
  return done;
}

/* Wait, unless told to stop. */
static void
pause_ns (struct mirror *m, uint64_t ns)
{
  uint64_t until = now_ns () + ns;
  CLEANUP_LOCK (&m->lock);

  while (!m->resync.stop && now_ns () < until)
    cond_wait_until (&m->resync.wake, &m->lock, until);
}

static bool
stopped (struct mirror *m)
{
  CLEANUP_LOCK (&m->lock);
  return m->resync.stop;
}

static void
copy_run (struct copier *c)
{
  struct mirror *m = c->m;
  bool zeroes = c->rec->nr > 1;
  uint64_t offset = c->begin;

  while (offset < c->end && live_targets (c) && !stopped (m)) {
    uint64_t start = now_ns (), pause, done;
    uint64_t count = c->end - offset;

    if (!zeroes && count > COPY_CHUNK)
      count = COPY_CHUNK;
    done = copy_locked (c, offset, count);
    if (c->source_failed || c->no_lease)
      break;
    pause = c->moved > 0 ? rate_pause (m, c->moved, now_ns () - start) : 0;
    if (pause > 0)
      pause_ns (m, pause);
    offset += done;
  }
  if (offset < c->end)
    cut_run (c, offset);
}

/* Where the source has a long run of zeroes, take all of it. */
static void
prepare_run (struct copier *c)
{
  struct mirror *m = c->m;
  uint64_t begin = c->rec->first << m->region_shift;
  uint64_t left = m->limits.size - begin;
  uint64_t zero =
    source_zero_length (c, begin, left < MAX_RUN_BYTES ? left : MAX_RUN_BYTES);
  uint64_t nr = zero >> m->region_shift;

  if (zero == left)
    nr = m->nr_regions - c->rec->first;
  extend_run (c, nr);
  c->begin = begin;
  c->end = run_end (m, c->rec);
}

/* --- the end of a run; m->lock is held --- */

static void
stall (struct mirror *m, unsigned targets)
{
  FOR_EACH_SLOT (slot, targets) {
    struct member *member = &m->member[slot];
    uint64_t ns = FIRST_STALL_NS << (member->stalls < 5 ? member->stalls : 5);

    member->stalls++;
    member->stalled_until =
      now_ns () + (ns < MAX_STALL_NS ? ns : MAX_STALL_NS);
  }
}

static void
unlink_running (struct mirror *m, struct recovery *rec)
{
  struct recovery **p = &m->resync.running;

  while (*p != rec)
    p = &(*p)->next;
  *p = rec->next;
}

static void
end_run (struct copier *c)
{
  struct mirror *m = c->m;
  struct resync *rs = &m->resync;
  struct recovery *rec = c->rec;

  unlink_running (m, rec);
  rs->busy--;
  stall (m, c->source_failed ? rec->targets : c->bad);
  rec->targets &= ~c->bad;
  if (rec->targets == 0 || rec->spoiled || rec->nr == 0) {
    dirty_log_put_resync_work (m->log, rec->first, rec->nr);
    free (rec);
  }
  else {
    FOR_EACH_SLOT (slot, rec->targets)
      m->member[slot].stalls = 0;
    rec->next = rs->copied;
    rs->copied = rec;
    rs->copied_regions += rec->nr;
  }
}

static void
report_stalled (struct copier *c)
{
  unsigned first_time = 0;
  char why[256];

  {
    CLEANUP_LOCK (&c->m->lock);
    FOR_EACH_SLOT (slot, c->bad)
      if (c->m->member[slot].stalls == 1)
        first_time |= SLOT_BIT (slot);
  }
  FOR_EACH_SLOT (slot, first_time) {
    leg_last_error (c->m->member[slot].leg, why, sizeof why);
    msg_error ("leg %s: resync stalled, will be tried again: %s",
               c->m->member[slot].name, why);
  }
  if (c->source_failed) {
    leg_last_error (c->m->member[c->source].leg, why, sizeof why);
    msg_error ("leg %s: resync source: %s", c->m->member[c->source].name, why);
  }
}

static void
recover (struct mirror *m, struct recovery *rec, char *buf)
{
  struct copier c = {.m = m, .rec = rec, .buf = buf};

  {
    CLEANUP_LOCK (&m->lock);
    c.source = m->primary;
  }
  prepare_run (&c);
  copy_run (&c);
  {
    CLEANUP_LOCK (&m->lock);
    end_run (&c);
  }
  if (c.bad || c.source_failed)
    report_stalled (&c);
}

/* Copied runs are made durable when there are many, or nothing else is left
 * to do now.
 */
static bool
sweep_is_due (const struct mirror *m)
{
  const struct resync *rs = &m->resync;

  return rs->copied && (rs->busy == 0 ||
                        rs->copied_regions << m->region_shift >= SWEEP_BYTES);
}

static void
wait_for_work (struct mirror *m)
{
  if (sweep_is_due (m))
    worker_wake_locked (m);
  cond_wait_until (&m->resync.wake, &m->lock, now_ns () + NSEC_PER_SEC);
}

static void *
copier_thread (void *opaque)
{
  struct mirror *m = opaque;
  char *buf = aligned_alloc (4096, COPY_CHUNK);

  pthread_setname_np (pthread_self (), "mirror-resync");
  if (!buf) {
    msg_error ("resync: out of memory");
    return NULL;
  }
  pthread_mutex_lock (&m->lock);
  while (!m->resync.stop) {
    struct recovery *rec = next_work (m);

    if (!rec) {
      wait_for_work (m);
      continue;
    }
    pthread_mutex_unlock (&m->lock);
    recover (m, rec, buf);
    pthread_mutex_lock (&m->lock);
    if (sweep_is_due (m))
      worker_wake_locked (m);
  }
  pthread_mutex_unlock (&m->lock);
  free (buf);
  return NULL;
}

int
resync_start (struct mirror *m)
{
  struct resync *rs = &m->resync;

  for (; rs->nr_threads < RESYNC_THREADS; ++rs->nr_threads) {
    int err =
      pthread_create (&rs->thread[rs->nr_threads], NULL, copier_thread, m);

    if (err != 0) {
      errno = err;
      msg_error ("resync: cannot start a thread: %m");
      return -1;
    }
  }
  return 0;
}

void
resync_stop (struct mirror *m)
{
  struct resync *rs = &m->resync;

  {
    CLEANUP_LOCK (&m->lock);
    rs->stop = true;
    resync_wake_locked (m);
  }
  while (rs->nr_threads > 0)
    pthread_join (rs->thread[--rs->nr_threads], NULL);
}
