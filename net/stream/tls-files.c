/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "msg.h"
#include "tls-impl.h"

static void
look (struct tls_file *f)
{
  struct stat st = {0};

  f->error = stat (f->path, &st) == -1 ? errno : 0;
  f->device = st.st_dev;
  f->inode = st.st_ino;
  f->size = st.st_size;
  f->modified = st.st_mtim;
}

static bool
is_same (const struct tls_file *a, const struct tls_file *b)
{
  return a->error == b->error && a->device == b->device &&
         a->inode == b->inode && a->size == b->size &&
         a->modified.tv_sec == b->modified.tv_sec &&
         a->modified.tv_nsec == b->modified.tv_nsec;
}

static int
add (struct tls *tls, const char *dir, const char *name)
{
  struct tls_file *f = &tls->file[tls->nr_files];

  if (asprintf (&f->path, "%s%s%s", dir, *name ? "/" : "", name) == -1) {
    f->path = NULL;
    msg_error ("TLS: %m");
    return -1;
  }
  look (f);
  tls->nr_files++;
  return 0;
}

int
tls_files_note (struct tls *tls)
{
  static const char *const names[2][TLS_MAX_FILES] = {
    {"ca-cert.pem", "ca-crl.pem", "client-cert.pem", "client-key.pem"},
    {"ca-cert.pem", "ca-crl.pem", "server-cert.pem", "server-key.pem"},
  };
  const struct tls_options *o = &tls->options;

  if (o->psk_file)
    return add (tls, o->psk_file, "");
  for (unsigned i = 0; i < TLS_MAX_FILES; ++i)
    if (add (tls, o->certificates, names[o->server][i]) == -1)
      return -1;
  return 0;
}

bool
tls_files_changed (struct tls *tls)
{
  bool changed = false;

  for (unsigned i = 0; i < tls->nr_files; ++i) {
    struct tls_file before = tls->file[i];

    look (&tls->file[i]);
    changed |= !is_same (&before, &tls->file[i]);
  }
  return changed;
}

void
tls_files_free (struct tls *tls)
{
  for (unsigned i = 0; i < tls->nr_files; ++i)
    free (tls->file[i].path);
}
