/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "deadline.h"
#include "disk-look.h"
#include "disk-write.h"
#include "msg.h"

#define LOOK_NS NSEC_PER_SEC
#define RENEW_NS (10 * NSEC_PER_SEC) /* between tries */

/* What was found at one look, and done. */
struct finding {
  enum file_place place;
  bool cut;
  bool tried; /* to write it anew */
  int err;    /* ... which failed */
};

/* 0 or an errno. */
static int
write_new_file (struct disk_log *d)
{
  const struct log_store_ops *ops = d->store->ops;
  uint64_t durable = d->durable_sequence;
  int written, err;

  if (ops->renew (d->store) == -1)
    return errno;
  written = disk_write_all (d);
  err = errno;
  if (ops->renewed (d->store, written == 0) == 0 && written == 0)
    return 0;
  if (written == 0)
    err = errno;
  d->durable_sequence = durable;
  return err;
}

static bool
is_free (enum file_place place)
{
  return place == FILE_REMOVED || place == FILE_RENAMED;
}

/* io_lock is held. */
static void
look (struct disk_log *d, bool last, struct finding *f)
{
  struct log_store *store = d->store;
  uint64_t now = now_ns ();

  f->place = store->ops->look (store);
  if (last) /* there is no later look that could agree */
    f->place = store->ops->look (store);
  f->cut = f->place == FILE_HERE && store->ops->is_cut (store);
  f->tried =
    f->cut || (is_free (f->place) && (last || now >= d->next_renewal));
  if (!f->tried)
    return;
  if (is_free (f->place))
    f->err = write_new_file (d);
  else if (disk_write_all (d) == -1)
    f->err = errno;
  if (f->err) {
    disk_write_again (d);
    d->next_renewal = now + RENEW_NS;
  }
}

static const char *
what_happened (const struct finding *f)
{
  return f->place == FILE_HERE ? "its file was cut"
                               : file_place_text (f->place);
}

/* A word for the status, and whether it is to be said aloud. */
static bool
note (struct disk_log *d, const struct finding *f)
{
  CLEANUP_LOCK (&d->log.lock);
  bool anew = f->tried && f->err == 0;
  bool wrong = !anew && (f->place != FILE_HERE || f->cut);
  bool changed = anew || wrong != d->log.misplaced || f->place != d->place;

  d->place = anew ? FILE_HERE : f->place;
  d->log.misplaced = wrong;
  if (anew || (wrong && changed))
    snprintf (d->log.last_error, sizeof d->log.last_error, "%s%s",
              what_happened (f), anew ? ", written anew" : "");
  return changed;
}

static void
report (const struct disk_log *d, const struct finding *f)
{
  const char *name = d->log.info.name;

  errno = f->err;
  if (f->tried && f->err)
    msg_error ("log disk:%s: %s, and it can't be written anew: %m: after a "
               "crash nothing says which regions differ",
               name, what_happened (f));
  else if (f->tried)
    msg_error ("log disk:%s: %s: it was written anew", name,
               what_happened (f));
  else if (f->place == FILE_HERE)
    msg_note ("log disk:%s: its file is where it was again", name);
  else
    msg_error ("log disk:%s: %s: a start would not find the log, and not know "
               "which regions differ; bring it back, or make the name free, "
               "and it is written anew",
               name, what_happened (f));
}

void
disk_look (struct disk_log *d, bool last)
{
  struct finding f = {.err = 0};
  bool changed;

  {
    CLEANUP_LOCK (&d->io_lock);
    if (d->next_look == NO_DEADLINE || (!last && now_ns () < d->next_look))
      return;
    d->next_look = now_ns () + LOOK_NS;
    if (d->creating || d->growing || d->moved)
      return;
    look (d, last, &f);
    d->next_look = now_ns () + LOOK_NS;
    changed = note (d, &f);
  }
  if (changed)
    report (d, &f);
}
