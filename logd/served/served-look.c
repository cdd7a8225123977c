/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <stdlib.h>

#include "dirty-log.h"
#include "log-life.h"
#include "served-look.h"
#include "served.h"
#include "worker.h"

struct look_job {
  struct job job;
  struct served *served;
  struct dirty_log *log;
};

static void
look_run (struct job *job)
{
  dirty_log_look (((struct look_job *) job)->log);
  job_finish (job);
}

static void
look_done (struct job *job)
{
  ((struct look_job *) job)->served->looking = false;
  free (job);
}

/* A log that is closed meanwhile is closed by a job behind this one. */
void
served_look (struct served *l)
{
  struct look_job *look;

  if (l->memory || !l->usable || l->busy || l->looking)
    return;
  look = calloc (1, sizeof *look);
  if (!look)
    return; /* the next time will do */
  look->job = (struct job){.run = look_run, .done = look_done};
  look->served = l;
  look->log = l->log;
  l->looking = true;
  worker_queue (l->worker, &look->job);
}
