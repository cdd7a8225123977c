/* SPDX-License-Identifier: BSD-3-Clause */

/* A mirror that is only a status. */

#include "config.h"

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "cleanup.h"
#include "deadline.h"
#include "fake-mirror.h"
#include "mirror.h"
#include "order.h"
#include "temp-path.h"

#define PATIENCE (20 * NSEC_PER_SEC)

struct mirror {
  pthread_mutex_t lock;
  pthread_cond_t cond;

  /* Protected by lock. */
  struct mirror_status status;
  unsigned asked;
  struct fake_orders orders;
  bool ends;
};

static void
init_leg (struct leg_status *leg, unsigned index, const char *name)
{
  leg->index = index;
  snprintf (leg->name, sizeof leg->name, "%s", name);
  leg->kind = "file";
  leg->record = "none";
  leg->state = "in-sync";
  leg->returns = "";
  leg->primary = index == 0;
  leg->replaces = -1;
}

struct mirror *
fake_mirror_new (void)
{
  struct mirror *m = calloc (1, sizeof *m);
  struct mirror_status *s = &m->status;

  pthread_mutex_init (&m->lock, NULL);
  cond_init_monotonic (&m->cond);
  strcpy (s->uuid, "00112233-4455-6677-8899-aabbccddeeff");
  s->size = 65536 * 512;
  s->region_size = 524288;
  s->regions = 64;
  s->state = "in-sync";
  s->generation = 1;
  s->nr_legs = 2;
  init_leg (&s->leg[0], 0, "/a.img");
  init_leg (&s->leg[1], 1, "/b.img");
  s->log_type = "disk";
  s->log_state = "ok";
  strcpy (s->log_name, "/x.log");
  s->resync_state = "idle";
  s->scrub.state = "idle";
  s->scrub.waits = "";
  s->rate_why = "none";
  s->sums_state = "off";
  s->read_policy = "auto";
  return m;
}

void
fake_mirror_free (struct mirror *m)
{
  pthread_cond_destroy (&m->cond);
  pthread_mutex_destroy (&m->lock);
  free (m);
}

struct mirror_status *
fake_mirror_lock (struct mirror *m)
{
  pthread_mutex_lock (&m->lock);
  return &m->status;
}

void
fake_mirror_unlock (struct mirror *m)
{
  pthread_mutex_unlock (&m->lock);
}

void
fake_mirror_wait (struct mirror *m, unsigned n)
{
  uint64_t deadline = now_ns () + PATIENCE;
  unsigned asked;

  {
    CLEANUP_LOCK (&m->lock);
    while (m->asked < n && cond_wait_until (&m->cond, &m->lock, deadline) == 0)
      continue;
    asked = m->asked;
  }
  ck_assert_uint_ge (asked, n);
}

void
mirror_status (struct mirror *m, struct mirror_status *status)
{
  CLEANUP_LOCK (&m->lock);
  *status = m->status;
  ++m->asked;
  pthread_cond_broadcast (&m->cond);
}

struct fake_orders *
fake_mirror_orders (struct mirror *m)
{
  return &m->orders;
}

void
fake_mirror_wait_order (struct mirror *m)
{
  uint64_t deadline = now_ns () + PATIENCE;
  CLEANUP_LOCK (&m->lock);

  while (m->orders.given == 0 &&
         cond_wait_until (&m->cond, &m->lock, deadline) == 0)
    continue;
  ck_assert_uint_gt (m->orders.given, 0);
}

static void
note_order (struct fake_orders *o, const struct order *order)
{
  o->given++;
  o->verb = order->verb;
  snprintf (o->leg, sizeof o->leg, "%s", order->leg ? order->leg : "");
  snprintf (o->new_leg, sizeof o->new_leg, "%s",
            order->new_leg ? order->new_leg : "");
  snprintf (o->value, sizeof o->value, "%s", order->value ? order->value : "");
  o->seconds = order->seconds;
  o->dry_run = order->dry_run;
}

int
mirror_order (struct mirror *m, const struct order *order,
              struct outcome *outcome)
{
  CLEANUP_LOCK (&m->lock);

  note_order (&m->orders, order);
  pthread_cond_broadcast (&m->cond);
  while (order->verb == ORDER_SUSPEND && m->orders.hold && !m->ends)
    pthread_cond_wait (&m->cond, &m->lock);
  *outcome = (struct outcome){.changed = true};
  snprintf (outcome->text, sizeof outcome->text, "%s",
            m->orders.refuse ? "refused" : "done");
  return m->orders.refuse ? -1 : 0;
}

bool
mirror_orders_go_on (struct mirror *m)
{
  (void) m;
  return false;
}

void
mirror_end_orders (struct mirror *m)
{
  CLEANUP_LOCK (&m->lock);

  m->ends = true;
  pthread_cond_broadcast (&m->cond);
}

static char dir[64];

const char *
fake_dir (void)
{
  temp_path (dir, sizeof dir, "fake");
  ck_assert_ptr_nonnull (mkdtemp (dir));
  return dir;
}

const char *
fake_path (const char *name)
{
  static char path[96];

  snprintf (path, sizeof path, "%s/%s", dir, name);
  return path;
}

void
fake_dir_remove (void)
{
  DIR *d = opendir (dir);
  struct dirent *e;

  ck_assert_ptr_nonnull (d);
  while ((e = readdir (d)) != NULL)
    if (e->d_name[0] != '.')
      unlinkat (dirfd (d), e->d_name, 0);
  closedir (d);
  ck_assert_int_eq (rmdir (dir), 0);
}
