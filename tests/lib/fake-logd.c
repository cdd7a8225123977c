/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cleanup.h"
#include "deadline.h"
#include "fake-logd.h"
#include "temp-path.h"

struct fake_conn {
  struct fake_logd *f;
  struct fake_conn *next;
  int fd;
  bool gone;
};

static void violation (struct fake_logd *f, const char *fmt, ...)
  __attribute__ ((format (printf, 2, 3)));

static void
violation (struct fake_logd *f, const char *fmt, ...)
{
  va_list args;

  f->violations++;
  fprintf (stderr, "fake-logd: violation: ");
  va_start (args, fmt);
  vfprintf (stderr, fmt, args);
  va_end (args);
  fprintf (stderr, "\n");
}

/* --- replies; f->lock is held from here on --- */

static void
hang_up (struct fake_conn *c)
{
  if (!c->gone)
    shutdown (c->fd, SHUT_RDWR);
  c->gone = true;
  if (c->f->owner == c)
    c->f->owner = NULL;
  pthread_cond_broadcast (&c->f->changed);
}

static void
send_all (struct fake_conn *c, struct buffer *buf)
{
  size_t done = 0;
  ssize_t n;

  while (!c->gone && done < buf->len) {
    n = send (c->fd, buf->data + done, buf->len - done, MSG_NOSIGNAL);
    if (n <= 0)
      hang_up (c);
    else
      done += (size_t) n;
  }
  buffer_free (buf);
}

static void
reply (struct fake_conn *c, const struct proto_msg *request,
       struct proto_msg *msg)
{
  struct buffer buf = {0};
  int r;

  if (c->f->mute || (c->f->mute_flush && request->type == PROTO_FLUSH))
    return;
  msg->type = msg->type ? msg->type : request->type;
  msg->flags |= PROTO_REPLY;
  msg->id = request->id;
  r = proto_encode (&buf, msg);
  assert (r == 0);
  (void) r;
  send_all (c, &buf);
}

static void
reply_error (struct fake_conn *c, const struct proto_msg *request,
             enum proto_error error, const char *text)
{
  struct proto_msg msg = {
    .error = error,
    .flags = error == PROTO_E_WAIT ? PROTO_MORE : 0,
    .text = {text, (uint32_t) strlen (text)},
  };

  reply (c, request, &msg);
}

/* --- attach --- */

static void
send_record (struct fake_conn *c, const struct proto_msg *request)
{
  const struct fake_state *st = &c->f->memory;
  struct proto_msg msg = {.type = PROTO_STATE_RECORD, .flags = PROTO_MORE};

  msg.record.generation = st->generation;
  msg.record.primary = (uint8_t) st->primary;
  msg.record.min_block = st->min_block;
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (st->leg[s] != LOG_LEG_NONE) {
      struct proto_leg *leg = &msg.record.leg[s];

      leg->state = (uint8_t) st->leg[s];
      leg->generation = st->leg_generation[s];
      leg->size = st->size;
      leg->name.s = st->name[s];
      leg->name.len = (uint32_t) strlen (st->name[s]);
    }
  reply (c, request, &msg);
}

static void
send_map (struct fake_conn *c, const struct proto_msg *request, unsigned map)
{
  const bool *bits = c->f->memory.map[map];
  struct buffer buf = {0};
  struct proto_runs_frame frame;
  const struct proto_msg msg = {
    .type = PROTO_STATE_RUNS,
    .flags = PROTO_REPLY | PROTO_MORE,
    .id = request->id,
    .change.map = (uint8_t) map,
  };

  proto_runs_begin (&frame, &buf, &msg);
  for (uint64_t r = 0; r < c->f->memory.nr_regions; ++r)
    if (bits[r])
      proto_runs_add (&frame, r, 1);
  if (c->f->long_map)
    proto_runs_add (&frame, c->f->memory.nr_regions, 1);
  proto_runs_end (&frame);
  if (!c->f->mute)
    send_all (c, &buf);
}

static void
send_attached (struct fake_conn *c, const struct proto_msg *request,
               bool read_only)
{
  struct fake_logd *f = c->f;
  const struct fake_state *st = &f->memory;
  struct proto_msg msg = {0};
  struct proto_attached *a = &msg.attached;

  a->epoch = read_only ? 0 : f->epoch;
  a->lease_ms = read_only ? 0 : f->lease_ms;
  a->flush_number = st->flush_number;
  a->found = st->exists ? LOG_FOUND_OURS : LOG_FOUND_NEW;
  a->flags = f->unclean ? PROTO_LOG_UNCLEAN : 0;
  memcpy (a->uuid, st->uuid, sizeof a->uuid);
  a->size = st->size;
  a->region_size = st->region_size;
  a->nr_regions = st->nr_regions;
  a->owner_pid = 42;
  a->owner_host.s = "elsewhere";
  a->owner_host.len = 9;
  reply (c, request, &msg);
}

static void
wait_some (struct fake_conn *c, const struct proto_msg *request)
{
  struct fake_logd *f = c->f;
  uint64_t end = now_ns () + f->wait_ms * NSEC_PER_MSEC;

  reply_error (c, request, PROTO_E_WAIT, "somebody has it");
  while (!c->gone && cond_wait_until (&f->changed, &f->lock, end) != ETIMEDOUT)
    ;
  f->wait_ms = 0;
}

static bool
same_log (const struct fake_logd *f, const struct proto_attach *a)
{
  return f->careless ||
         (memcmp (a->uuid, f->memory.uuid, sizeof a->uuid) == 0 &&
          a->flush_number <= f->memory.flush_number);
}

static void
take_over (struct fake_conn *c, const struct proto_attach *a)
{
  struct fake_logd *f = c->f;

  if (f->owner && f->owner != c)
    hang_up (f->owner);
  if (memcmp (f->session, a->session, sizeof f->session) != 0)
    f->epoch++;
  memcpy (f->session, a->session, sizeof f->session);
  f->owner = c;
}

static void
run_attach (struct fake_conn *c, const struct proto_msg *msg)
{
  struct fake_logd *f = c->f;
  const struct proto_attach *a = &msg->attach;
  bool again = a->flags & PROTO_ATTACH_AGAIN;
  bool read_only = a->flags & PROTO_ATTACH_READ_ONLY;

  f->attach_flags = a->flags;
  if (f->wait_ms > 0)
    wait_some (c, msg);
  if (f->fail_attach)
    reply_error (c, msg, f->fail_attach,
                 f->attach_text[0] ? f->attach_text : "attach fails");
  else if (again && memcmp (f->session, a->session, sizeof f->session) != 0)
    reply_error (c, msg, PROTO_E_STALE, "host other has it");
  else if (again && !same_log (f, a))
    reply_error (c, msg, PROTO_E_OTHER_LOG, "not that log");
  else {
    if (!read_only)
      take_over (c, a);
    if (!again) {
      send_record (c, msg);
      for (unsigned map = 0; map < LOG_NR_MAPS; ++map)
        send_map (c, msg, map);
    }
    send_attached (c, msg, read_only);
    f->unclean |= !read_only;
  }
}

/* --- changes --- */

static bool
is_owner (struct fake_conn *c, const struct proto_msg *msg, uint64_t epoch)
{
  if (c->f->owner == c && epoch == c->f->epoch)
    return true;
  if (epoch != c->f->epoch || c->gone)
    reply_error (c, msg, PROTO_E_STALE, "host other has it");
  else
    violation (c->f, "%s without an attach", proto_type_name (msg->type));
  return false;
}

static void
run_create (struct fake_conn *c, const struct proto_msg *msg)
{
  struct fake_state *st = &c->f->memory;
  uint64_t flush_number = st->flush_number;

  if (c->f->fail_create) {
    reply_error (c, msg, c->f->fail_create, "create fails");
    return;
  }
  memset (st, 0, sizeof *st);
  st->exists = true;
  st->flush_number = flush_number;
  memcpy (st->uuid, msg->create.uuid, sizeof st->uuid);
  st->size = msg->create.size;
  st->region_size = msg->create.region_size;
  st->nr_regions = (st->size + st->region_size - 1) / st->region_size;
  st->generation = msg->create.generation;
  assert (st->nr_regions <= FAKE_MAX_REGIONS);
}

static void
run_grow (struct fake_conn *c, const struct proto_msg *msg)
{
  struct fake_state *st = &c->f->memory;

  if (msg->grow.size < st->size)
    violation (c->f, "grow makes it smaller");
  st->size = msg->grow.size;
  st->nr_regions = (st->size + st->region_size - 1) / st->region_size;
  assert (st->nr_regions <= FAKE_MAX_REGIONS);
}

static void
make_stale (struct fake_state *st, unsigned slot)
{
  if (st->leg[slot] != LOG_LEG_IN_SYNC)
    return;
  st->leg[slot] = LOG_LEG_STALE;
  st->generation++;
}

static void
run_change (struct fake_conn *c, const struct proto_msg *msg)
{
  struct fake_state *st = &c->f->memory;
  const struct proto_change *change = &msg->change;
  bool marks = msg->type != PROTO_SET_REGION_SYNC;
  bool lower = marks ? msg->type == PROTO_MARK_REGION : !change->in_sync;
  bool *bits = st->map[marks ? LOG_MAP_MARKED : LOG_MAP_MISSED (change->slot)];

  for (uint32_t i = 0; i < change->runs.nr; ++i) {
    struct proto_run run = proto_run_get (&change->runs, i);

    if (run.first + run.nr > st->nr_regions) {
      violation (c->f, "regions that are not there");
      continue;
    }
    memset (bits + run.first, lower, run.nr * sizeof *bits);
  }
  if (lower && !marks)
    make_stale (st, change->slot);
  c->f->raised += lower ? 0 : change->runs.nr;
}

static bool
misses_something (const struct fake_state *st, unsigned slot)
{
  for (uint64_t r = 0; r < st->nr_regions; ++r)
    if (st->map[LOG_MAP_MISSED (slot)][r])
      return true;
  return false;
}

static bool
record_ok (const struct fake_state *st, const struct proto_record *record)
{
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (record->leg[s].state == LOG_LEG_IN_SYNC && misses_something (st, s))
      return false;
  return record->generation >= st->generation;
}

static void
run_set_record (struct fake_conn *c, const struct proto_msg *msg)
{
  struct fake_state *st = &c->f->memory;
  const struct proto_record *record = &msg->record;

  if (c->f->fail_record) {
    reply_error (c, msg, PROTO_E_INVALID, "not this one");
    return;
  }
  if (!record_ok (st, record)) {
    violation (c->f, "the record is not possible");
    reply_error (c, msg, PROTO_E_INVALID, "no such record");
    return;
  }
  st->generation = record->generation;
  st->primary = record->primary;
  if (record->min_block && !(c->f->features & PROTO_FEATURE_MIN_BLOCK))
    violation (c->f, "a block size that this server does not know");
  st->min_block = record->min_block;
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s) {
    const struct proto_leg *leg = &record->leg[s];

    st->leg[s] = (enum log_leg_state) leg->state;
    st->leg_generation[s] = leg->generation;
    snprintf (st->name[s], sizeof st->name[s], "%.*s", (int) leg->name.len,
              leg->name.s);
  }
}

/* --- flush --- */

static void
lower_disk (struct fake_logd *f)
{
  const struct fake_state *from = &f->memory;
  struct fake_state *to = &f->disk;

  if (!to->exists || memcmp (to->uuid, from->uuid, sizeof to->uuid) != 0) {
    *to = *from;
    return;
  }
  to->size = from->size;
  to->nr_regions = from->nr_regions;
  to->generation = from->generation;
  to->primary = from->primary;
  for (unsigned s = 0; s < LOG_MAX_LEGS; ++s)
    if (from->leg[s] != LOG_LEG_IN_SYNC || to->leg[s] == LOG_LEG_NONE) {
      to->leg[s] =
        from->leg[s] == LOG_LEG_IN_SYNC ? LOG_LEG_STALE : from->leg[s];
      to->leg_generation[s] = from->leg_generation[s];
    }
    else if (to->leg[s] == LOG_LEG_IN_SYNC)
      to->leg_generation[s] = from->leg_generation[s];
  for (unsigned map = 0; map < LOG_NR_MAPS; ++map)
    for (uint64_t r = 0; r < from->nr_regions; ++r)
      to->map[map][r] |= from->map[map][r];
}

static void
work_on_it (struct fake_conn *c)
{
  struct fake_logd *f = c->f;
  unsigned us = f->flush_us;

  while (f->hold && !c->gone && !f->stop)
    pthread_cond_wait (&f->changed, &f->lock);
  if (us > 0) {
    pthread_mutex_unlock (&f->lock);
    usleep (us);
    pthread_mutex_lock (&f->lock);
  }
}

static void
run_flush (struct fake_conn *c, const struct proto_msg *msg)
{
  struct fake_logd *f = c->f;
  struct proto_msg msg_out = {0};

  work_on_it (c);
  if (f->owner != c)
    return;
  if (f->fail_flush && f->fail_times > 0) {
    f->fail_times--;
    reply_error (c, msg, f->fail_flush, "the disk is broken");
    return;
  }
  lower_disk (f);
  if (msg->flush.flags & PROTO_FLUSH_COMMIT) {
    f->commits++;
    f->disk = f->memory;
  }
  f->disk.flush_number = ++f->memory.flush_number;
  msg_out.flushed.flush_number = f->memory.flush_number;
  reply (c, msg, &msg_out);
}

static void
run_detach (struct fake_conn *c, const struct proto_msg *msg)
{
  struct fake_logd *f = c->f;
  struct proto_msg out = {0};

  f->detach_flags = msg->flush.flags;
  if (msg->flush.flags & PROTO_DETACH_CLEAN)
    f->unclean = false;
  memset (f->session, 0, sizeof f->session);
  f->owner = NULL;
  reply (c, msg, &out);
}

static void
run_renew (struct fake_conn *c, const struct proto_msg *msg)
{
  struct proto_msg out = {.renewed.lease_ms = c->f->lease_ms};

  if (c->f->fail_renew)
    reply_error (c, msg, c->f->fail_renew, "host other has it");
  else
    reply (c, msg, &out);
}

static void
run_hello (struct fake_conn *c, const struct proto_msg *msg)
{
  struct proto_msg out = {.hello = {.version = PROTO_VERSION,
                                    .features = c->f->features,
                                    .software = {"fake", 4},
                                    .server = {1}}};

  reply (c, msg, &out);
}

/* --- frames --- */

static void
run_frame (struct fake_conn *c, const struct proto_msg *msg)
{
  switch (msg->type) {
  case PROTO_HELLO:
    run_hello (c, msg);
    return;
  case PROTO_ATTACH:
    run_attach (c, msg);
    return;
  default:
    break;
  }
  /* All others begin with the epoch. */
  if (!is_owner (c, msg, msg->flush.epoch))
    return;
  switch (msg->type) {
  case PROTO_RENEW:
    run_renew (c, msg);
    break;
  case PROTO_DETACH:
    run_detach (c, msg);
    break;
  case PROTO_CREATE:
    run_create (c, msg);
    break;
  case PROTO_GROW:
    run_grow (c, msg);
    break;
  case PROTO_SET_RECORD:
    run_set_record (c, msg);
    break;
  case PROTO_MARK_REGION:
  case PROTO_CLEAR_REGION:
  case PROTO_SET_REGION_SYNC:
    run_change (c, msg);
    break;
  case PROTO_FLUSH:
    run_flush (c, msg);
    break;
  default:
    violation (c->f, "frame %s", proto_type_name (msg->type));
  }
}

static void
die (struct fake_conn *c)
{
  struct fake_logd *f = c->f;

  f->deaths++;
  if (f->die_restarts)
    f->memory = f->disk;
  hang_up (c);
}

static void
take_frame (struct fake_conn *c, const struct proto_msg *msg)
{
  struct fake_logd *f = c->f;
  bool dies = f->die_count > 0 &&
              (f->die_type == 0 || f->die_type == msg->type) &&
              --f->die_count == 0;
  bool mute = f->mute;

  f->frames[msg->type]++;
  pthread_cond_broadcast (&f->changed);
  if (!dies || f->die_when != FAKE_BEFORE) {
    f->mute |= dies && f->die_when == FAKE_AFTER;
    run_frame (c, msg);
    if (dies)
      f->mute = mute;
  }
  if (dies)
    die (c);
}

static bool
receive (int fd, void *buf, size_t len)
{
  return recv (fd, buf, len, MSG_WAITALL) == (ssize_t) len;
}

static void *
conn_thread (void *arg)
{
  struct fake_conn *c = arg, **p;
  struct fake_logd *f = c->f;
  uint8_t *frame = malloc (PROTO_MAX_FRAME);
  struct proto_msg msg;
  size_t len;

  assert (frame);
  while (receive (c->fd, frame, PROTO_HEADER_SIZE)) {
    CLEANUP_LOCK (&f->lock);
    len = proto_frame_length (frame);
    if (len < PROTO_HEADER_SIZE ||
        !receive (c->fd, frame + PROTO_HEADER_SIZE, len - PROTO_HEADER_SIZE))
      break;
    if (proto_decode (&msg, frame, len) != PROTO_OK) {
      violation (f, "a damaged frame");
      break;
    }
    if (!c->gone)
      take_frame (c, &msg);
  }
  free (frame);

  CLEANUP_LOCK (&f->lock);
  hang_up (c);
  close (c->fd);
  for (p = &f->conns; *p != c; p = &(*p)->next)
    ;
  *p = c->next;
  free (c);
  f->nr_threads--;
  pthread_cond_broadcast (&f->changed);
  return NULL;
}

static void
add_conn (struct fake_logd *f, int fd)
{
  struct fake_conn *c = calloc (1, sizeof *c);
  pthread_t thread;

  assert (c);
  c->f = f;
  c->fd = fd;
  c->next = f->conns;
  f->conns = c;
  f->connections++;
  f->nr_threads++;
  if (pthread_create (&thread, NULL, conn_thread, c) != 0)
    abort ();
  pthread_detach (thread);
}

static void *
accept_thread (void *arg)
{
  struct fake_logd *f = arg;
  int fd;

  while ((fd = accept (f->listener, NULL, NULL)) >= 0) {
    CLEANUP_LOCK (&f->lock);
    if (f->down)
      close (fd);
    else
      add_conn (f, fd);
  }
  return NULL;
}

/* --- public --- */

static void
listen_unix (struct fake_logd *f)
{
  static unsigned number;
  struct sockaddr_un addr = {.sun_family = AF_UNIX};
  int r;

  snprintf (addr.sun_path, sizeof addr.sun_path, "%s/fake-logd-%d-%u",
            temp_dir (), (int) getpid (), number++);
  unlink (addr.sun_path);
  f->listener = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  r = bind (f->listener, (struct sockaddr *) &addr, sizeof addr);
  assert (r == 0);
  (void) r;
  memcpy (f->path, addr.sun_path, sizeof f->path);
}

static void
listen_tcp (struct fake_logd *f)
{
  struct sockaddr_in addr = {
    .sin_family = AF_INET,
    .sin_addr.s_addr = htonl (INADDR_LOOPBACK),
  };
  socklen_t len = sizeof addr;
  int r;

  f->listener = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  r = bind (f->listener, (struct sockaddr *) &addr, len);
  assert (r == 0);
  r = getsockname (f->listener, (struct sockaddr *) &addr, &len);
  assert (r == 0);
  (void) r;
  f->port = ntohs (addr.sin_port);
}

struct fake_logd *
fake_logd_new (bool tcp)
{
  struct fake_logd *f = calloc (1, sizeof *f);
  int r;

  assert (f);
  pthread_mutex_init (&f->lock, NULL);
  cond_init_monotonic (&f->changed);
  f->lease_ms = 10000;
  if (tcp)
    listen_tcp (f);
  else
    listen_unix (f);
  r = listen (f->listener, 16);
  assert (r == 0);
  r = pthread_create (&f->thread, NULL, accept_thread, f);
  assert (r == 0);
  (void) r;
  return f;
}

void
fake_logd_kill (struct fake_logd *f, bool restart)
{
  CLEANUP_LOCK (&f->lock);

  for (struct fake_conn *c = f->conns; c; c = c->next)
    hang_up (c);
  if (restart)
    f->memory = f->disk;
}

void
fake_logd_free (struct fake_logd *f)
{
  {
    CLEANUP_LOCK (&f->lock);
    f->stop = true;
    f->down = true;
  }
  shutdown (f->listener, SHUT_RDWR);
  pthread_join (f->thread, NULL);
  fake_logd_kill (f, false);
  {
    CLEANUP_LOCK (&f->lock);
    while (f->nr_threads > 0)
      pthread_cond_wait (&f->changed, &f->lock);
  }
  close (f->listener);
  if (f->path[0])
    unlink (f->path);
  pthread_cond_destroy (&f->changed);
  pthread_mutex_destroy (&f->lock);
  free (f);
}

void
fake_logd_notice (struct fake_logd *f)
{
  struct buffer buf = {0};
  const struct proto_msg msg = {
    .type = PROTO_RELEASE,
    .text = {"somebody waits", 14},
  };
  CLEANUP_LOCK (&f->lock);

  proto_encode (&buf, &msg);
  if (f->owner)
    send_all (f->owner, &buf);
}

bool
fake_logd_wait (struct fake_logd *f, unsigned type, unsigned nr)
{
  uint64_t deadline = now_ns () + 20 * NSEC_PER_SEC;
  CLEANUP_LOCK (&f->lock);

  while (f->frames[type] < nr)
    if (cond_wait_until (&f->changed, &f->lock, deadline) == ETIMEDOUT)
      return false;
  return true;
}
