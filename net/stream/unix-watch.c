/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <errno.h>
#include <libgen.h>
#include <string.h>
#include <sys/stat.h>

#include "deadline.h"
#include "msg.h"
#include "unix-watch.h"

#define RETRY_NS (600 * NSEC_PER_SEC)

static struct unix_sight
look_at_directory (const char *path)
{
  struct unix_sight sight = {.wrong = true};
  char copy[sizeof ((struct unix_listener *) 0)->path];
  struct stat st;

  memcpy (copy, path, sizeof copy);
  if (stat (dirname (copy), &st) == 0) {
    sight.dev = st.st_dev;
    sight.ino = st.st_ino;
  }
  return sight;
}

/* A name that can't be looked at is taken for ours. */
static struct unix_sight
look (const struct unix_listener *l)
{
  struct unix_sight sight = {.wrong = false};
  struct stat st;

  if (lstat (l->path, &st) == 0) {
    sight.wrong = st.st_dev != l->dev || st.st_ino != l->ino;
    sight.dev = st.st_dev;
    sight.ino = st.st_ino;
    return sight;
  }
  return errno == ENOENT || errno == ENOTDIR ? look_at_directory (l->path)
                                             : sight;
}

static bool
is_same (const struct unix_sight *a, const struct unix_sight *b)
{
  return a->wrong == b->wrong && a->dev == b->dev && a->ino == b->ino;
}

/* Two looks in a row agree, and it was not tried for just this. */
static bool
must_try (const struct unix_watch *w, const struct unix_sight *before)
{
  return w->seen.wrong && is_same (&w->seen, before) &&
         (!is_same (&w->seen, &w->tried) || now_ns () >= w->retry);
}

bool
unix_watch_look (struct unix_watch *w, const struct unix_listener *l,
                 struct unix_listener *fresh)
{
  struct unix_sight before = w->seen;

  w->seen = look (l);
  if (!must_try (w, &before))
    return false;
  w->tried = w->seen;
  w->retry = now_ns () + RETRY_NS;
  if (unix_listener_open (fresh, l->path) == -1)
    return false;
  msg_note ("%s: the socket was removed, it was made again", l->path);
  memset (w, 0, sizeof *w);
  return true;
}
