/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "depot.h"
#include "lease-write.h"
#include "logd.h"
#include "msg-logd.h"
#include "served.h"

struct lease_job {
  struct job job;
  struct served *served;
  struct depot *depot;
  struct seat *seat;
  char name[PROTO_MAX_NAME + 1];
  bool memory;
  struct lease_record record;
  uint8_t uuid[PROTO_ID_SIZE];
  lease_done *done;
  void *opaque;
  int error;
  char text[TEXT_SIZE];
};

static void
lease_run (struct job *job)
{
  struct lease_job *w = (struct lease_job *) job;

  msg_capture (w->text, sizeof w->text);
  if (!w->memory && w->depot->ops->write_lease (w->depot, w->seat, w->name,
                                                &w->record, w->uuid) == -1)
    w->error = errno;
  msg_capture_end ();
  job_finish (job);
}

static void
lease_job_done (struct job *job)
{
  struct lease_job *w = (struct lease_job *) job;
  struct served *l = w->served;

  l->busy = false;
  w->done (l, w->opaque, &w->record, w->error, w->text);
  free (w);
  served_later (l);
}

void
lease_write (struct served *l, const struct lease_record *record,
             lease_done *done, void *opaque)
{
  struct lease_job *w = calloc (1, sizeof *w);

  if (!w) {
    done (l, opaque, record, ENOMEM, "out of memory");
    return;
  }
  w->job = (struct job){.run = lease_run, .done = lease_job_done};
  w->served = l;
  w->depot = l->server->depot;
  w->seat = l->seat;
  memcpy (w->name, l->name, sizeof w->name);
  w->memory = l->memory;
  w->record = *record;
  memcpy (w->uuid, l->uuid, sizeof w->uuid);
  w->done = done;
  w->opaque = opaque;
  l->busy = true;
  worker_queue (l->worker, &w->job);
}
